import {
  ControlError,
  parseCallAnswer,
  parseCallEnd,
  parseCallOffer,
  parseCallStats,
  parseCallTransportUpdate,
} from '../protocol/control/index.ts';
import { FRAME } from '../protocol/frame-types.ts';
import type { JsonValue } from '../protocol/json.ts';
import { encodeJson, type JsonInput } from '../protocol/json-writer.ts';
import { LIMITS } from '../protocol/limits.ts';
import { acknowledgement } from './acknowledgement.ts';
import type { CallCommand, CallRejection } from './call-decider.ts';
import type { Calls } from './calls.ts';
import type { Desk } from './desk.ts';
import type { Route } from './route.ts';
import type { Session, WaitingFrame } from './session.ts';

/** A call frame that was read: what to ask the call, what to answer. */
interface Request {
  readonly callId: string;
  readonly command: (route: Route) => CallCommand;
  readonly reply: Readonly<Record<string, JsonInput>>;
  readonly durable: boolean;
  /** Relayed even when the server knows no such call: older clients end calls that it never saw. */
  readonly unknownCallIsFine: boolean;
}

/** Call signalling (PROTOCOL.md 8): the call decides, then the frame is relayed and acknowledged. */
export class CallFrames {
  readonly #desk: Desk;
  readonly #calls: Calls;

  constructor(desk: Desk, calls: Calls) {
    this.#desk = desk;
    this.#calls = calls;
  }

  /** @throws CommuCatError `CONTROL_INVALID` when the JSON is not what the frame type wants. */
  read(session: Session, frame: WaitingFrame, value: JsonValue): (route: Route) => Promise<void> {
    const request = readRequest(session, frame.type, value);
    if (request.callId.length === 0 || request.callId.length > LIMITS.CALL_ID_MAX) {
      throw new ControlError('call_id', `expected 1 to ${LIMITS.CALL_ID_MAX} characters`);
    }
    return (route) => this.#handle(session, frame, request, route);
  }

  /** A device has gone: every call that it took part in loses it, and those that cannot go on end. */
  async disconnected(session: Session): Promise<void> {
    for (const { callId, route } of this.#calls.runningOf(session.device)) {
      const command = { type: 'disconnect', device: session.device } as const;
      const result = await this.#calls.execute(route, callId, command);
      if (result.ok && result.ended) {
        const metadata = { cause: 'disconnect', device: session.device, system: true };
        const payload = encodeJson({ call_id: callId, metadata, reason: 'failure' });
        this.#desk.postFor(session.mailbox, route, FRAME.CALL_END, payload);
      }
    }
  }

  async #handle(session: Session, frame: WaitingFrame, request: Request, route: Route): Promise<void> {
    const result = await this.#calls.execute(route, request.callId, request.command(route));
    if (!result.ok && !(request.unknownCallIsFine && result.rejection === 'unknown_call')) {
      this.#refuse(session, frame, request.callId, result.rejection);
      return;
    }
    const reply = acknowledgement(frame.sequence, request.reply);
    if (request.durable) {
      this.#desk.post(session, route, frame, reply);
    } else {
      this.#desk.pass(session, route, frame);
      this.#desk.acknowledge(session, frame.channel, reply);
    }
  }

  #refuse(session: Session, frame: WaitingFrame, callId: string, rejection: CallRejection): void {
    switch (rejection) {
      case 'call_exists':
        this.#desk.refuse(session, frame, rejection, `call ${callId} is in use on this channel`);
        return;
      case 'unknown_call':
      case 'not_in_call':
        this.#desk.refuse(session, frame, 'unknown_call', `no call ${callId} of this device on this channel`);
        return;
      default:
        rejection satisfies never;
    }
  }
}

const COMMON = { durable: false, unknownCallIsFine: false } as const;

function readRequest(session: Session, type: number, value: JsonValue): Request {
  const { device } = session;
  switch (type) {
    case FRAME.CALL_OFFER: {
      const offer = parseCallOffer(value);
      const { mode } = offer.media;
      const video = offer.media.video !== null;
      return {
        callId: offer.call_id,
        command: (route) => ({
          type: 'offer',
          call: offer.call_id,
          channel: route.key,
          device,
          participants: route.members.map((mailbox) => mailbox.device),
          mode,
          video,
        }),
        reply: { call_id: offer.call_id },
        durable: true,
        unknownCallIsFine: false,
      };
    }
    case FRAME.CALL_ANSWER: {
      const { call_id: callId, accept, reason } = parseCallAnswer(value);
      const command = { type: 'answer', device, accept, reason } as const;
      const reply = { accept, call_id: callId, ...(reason === null ? {} : { reason }) };
      return { ...COMMON, callId, command: () => command, reply };
    }
    case FRAME.CALL_END: {
      const { call_id: callId, reason } = parseCallEnd(value);
      const command = { type: 'end', device, reason } as const;
      return {
        callId,
        command: () => command,
        reply: { call_id: callId, reason },
        durable: true,
        unknownCallIsFine: true,
      };
    }
    case FRAME.CALL_STATS: {
      const { call_id: callId, direction } = parseCallStats(value);
      return {
        ...COMMON,
        callId,
        command: () => ({ type: 'report', device }),
        reply: { call_id: callId, direction },
      };
    }
    default: {
      const { call_id: callId, update } = parseCallTransportUpdate(value);
      const command = { type: 'update_transport', device, update } as const;
      return { ...COMMON, callId, command: () => command, reply: { call_id: callId, update } };
    }
  }
}
