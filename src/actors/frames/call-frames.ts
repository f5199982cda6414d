import { MailStream } from '../../delivery/mailboxes/letter.ts';
import type { Mailbox } from '../../delivery/mailboxes/mailbox.ts';
import type { StreamAppend, StreamName } from '../../log/event-log.ts';
import type { CancelTimer, Clock } from '../../ports/ports.ts';
import {
  ControlError,
  parseCallAnswer,
  parseCallEnd,
  parseCallOffer,
  parseCallStats,
  parseCallTransportUpdate,
} from '../../protocol/control/index.ts';
import type { Frame } from '../../protocol/frames/frame.ts';
import { FRAME } from '../../protocol/frames/frame-types.ts';
import type { JsonValue } from '../../protocol/json/json.ts';
import { encodeJson, type JsonInput } from '../../protocol/json/json-writer.ts';
import { LIMITS } from '../../protocol/limits.ts';
import type { CallCommand, CallRejection } from '../calls/call-decider.ts';
import type { Calls } from '../calls/calls.ts';
import type { CallLimit, RunningCall } from '../calls/running-calls.ts';
import type { ChannelRoute, Route } from '../routes/route.ts';
import type { RouteTable } from '../routes/route-table.ts';
import type { RelayEvents } from '../runtime/relay-events.ts';
import { Refusal } from '../sessions/refusal.ts';
import type { Session } from '../sessions/session.ts';
import type { ChangeBudget } from './change-budget.ts';
import { routeOf } from './frame-route.ts';
import type { Posting } from './posting.ts';
import type { Replies } from './replies.ts';

/** A call frame that was read: what to ask the call, what to answer. */
interface Request {
  readonly callId: string;
  readonly command: (route: Route) => CallCommand;
  readonly reply: Readonly<Record<string, JsonInput>>;
  readonly durable: boolean;
  /** Relayed even when the server knows no such call: older clients end calls that it never saw. */
  readonly unknownCallIsFine: boolean;
  /** Takes the sender out of the call. */
  readonly withdraws: boolean;
}

/** Calls that end together when a device goes. */
const SLICE = 16;

/** Devices whose calls end together when the server starts. */
const RESTORED_AT_ONCE = 256;

/** Milliseconds until a log that did not take the end of a call is asked again. */
const RETRY_MS = 1_000;

export interface CallFramesParts {
  readonly replies: Replies;
  readonly posting: Posting;
  readonly calls: Calls;
  readonly routes: RouteTable;
  readonly changes: ChangeBudget;
  readonly clock: Clock;
  readonly events: Pick<RelayEvents, 'failed'>;
}

/** Call signalling (PROTOCOL.md 8): the call decides, then the frame is relayed and acknowledged. */
export class CallFrames implements Disposable {
  readonly #parts: CallFramesParts;
  /** Calls that could not lose a device. One timer asks for all: what they post then goes to the log together. */
  readonly #left = new Map<Mailbox, readonly RunningCall[]>();
  #retry: CancelTimer | undefined;

  constructor(parts: CallFramesParts) {
    this.#parts = parts;
  }

  /** @throws Refusal; CommuCatError `CONTROL_INVALID` when the JSON is not what the frame type wants */
  async handle(session: Session, frame: Frame, value: JsonValue): Promise<void> {
    const { calls, posting, replies, routes } = this.#parts;
    const request = readRequest(session, frame.type, value);
    const route = routeOf(routes, session, frame);
    this.#charge(session, frame, route);
    const { callId, durable, reply, unknownCallIsFine } = request;
    const command = request.command(route);
    const result = durable
      ? await calls.commit(route, callId, command, (fact) => this.#post(session, frame, request, route, fact))
      : await calls.execute(route, callId, command);
    if (!result.ok) {
      const { rejection } = result;
      if (!unknownCallIsFine || rejection !== 'unknown_call') throw refusalOf(callId, rejection);
      await this.#post(session, frame, request, route, undefined);
    } else if (!durable) {
      this.#checkTakesPart(session, route);
      posting.pass(session, route, frame);
      replies.acknowledge(session, frame, reply);
    }
  }

  /** Nobody waits any more for calls that a device has left. */
  [Symbol.dispose](): void {
    this.#retry?.();
    this.#left.clear();
  }

  /** Ends the calls of these streams that an earlier process left: everybody who took part in them has been cut off. */
  async restore(streams: readonly StreamName[]): Promise<void> {
    const { calls, events, routes } = this.#parts;
    await calls.restore(
      streams,
      (channelKey, devices) => this.#routeOf(channelKey, devices),
      (error) => events.failed('disconnect', error),
    );
    const { devices } = calls;
    for (let from = 0; from < devices.length; from += RESTORED_AT_ONCE) {
      const together = devices.slice(from, from + RESTORED_AT_ONCE);
      await Promise.all(together.map((device) => this.disconnected(routes.mailbox(device))));
    }
  }

  /**
   * A device has gone: every call that it took part in loses it, some at a time, and those that cannot go on end. While the
   * log refuses that, it is tried again until the device is back.
   */
  async disconnected(mailbox: Mailbox): Promise<void> {
    await this.#loseAll(mailbox, this.#parts.calls.runningOf(mailbox.device));
  }

  async #loseAll(mailbox: Mailbox, calls: readonly RunningCall[]): Promise<void> {
    const left: RunningCall[] = [];
    for (let from = 0; from < calls.length; from += SLICE) {
      await Promise.all(
        calls.slice(from, from + SLICE).map(async (call) => {
          if (!(await this.#lose(mailbox, call))) left.push(call);
        }),
      );
    }
    if (left.length > 0) {
      this.#left.set(mailbox, left);
      this.#retry ??= this.#parts.clock.after(RETRY_MS, () => this.#loseLeft());
    }
  }

  #loseLeft(): void {
    this.#retry = undefined;
    const left = [...this.#left];
    this.#left.clear();
    for (const [mailbox, calls] of left) {
      if (!mailbox.isConnected) void this.#loseAll(mailbox, calls);
    }
  }

  /** A channel that nobody takes part in any more has no number. */
  #routeOf(key: string, devices: Iterable<string>): Route {
    for (const device of devices) {
      for (const route of this.#parts.routes.of(device)) {
        if (route.key === key) return route;
      }
    }
    return { key, number: 0, openRoom: false, group: undefined, mail: new MailStream(key), members: [] };
  }

  /** False when the log does not take it now. */
  async #lose(mailbox: Mailbox, { callId, route }: RunningCall): Promise<boolean> {
    const { device } = mailbox;
    const { calls, events, posting } = this.#parts;
    try {
      const command = { type: 'disconnect', device } as const;
      await calls.commit(route, callId, command, (fact, ended) => {
        if (!ended || fact === undefined || route.members.length === 0) return undefined;
        const metadata = { cause: 'disconnect', device, system: true };
        const payload = encodeJson({ call_id: callId, metadata, reason: 'failure' });
        const frame = { type: FRAME.CALL_END, channel: route.number, sequence: 0, payload };
        return posting.commitFor(mailbox, route, frame, fact);
      });
      return true;
    } catch (error) {
      // A letter that the log refuses has been noted by the office.
      if (!(error instanceof Refusal)) events.failed('disconnect', error);
      return false;
    }
  }

  /**
   * Hanging up and telling how it sounds are free: neither leaves more behind than there was.
   *
   * @throws Refusal `rate_limited`
   */
  #charge(session: Session, frame: Frame, route: Route): void {
    const { changes } = this.#parts;
    switch (frame.type) {
      case FRAME.CALL_END:
      case FRAME.CALL_STATS:
        return;
      case FRAME.CALL_OFFER:
        changes.chargeOffer(session, frame, route);
        return;
      default:
        changes.charge(session, frame);
    }
  }

  async #post(
    session: Session,
    frame: Frame,
    { reply, withdraws }: Request,
    route: ChannelRoute,
    fact: StreamAppend | undefined,
  ): Promise<void> {
    this.#checkTakesPart(session, route);
    await this.#parts.posting.commit(session, route, frame, { reply, fact, withdraws });
  }

  /**
   * The sender may have been removed while its call was asked.
   *
   * @throws Refusal `unknown_channel`
   */
  #checkTakesPart(session: Session, route: ChannelRoute): void {
    if (!this.#parts.routes.takesPart(session.device, route)) {
      throw new Refusal('unknown_channel', 'the device takes part in this channel no more');
    }
  }
}

function refusalOf(callId: string, rejection: CallRejection | CallLimit): Refusal {
  switch (rejection) {
    case 'callsPerDevice':
    case 'callsPerChannel':
    case 'callParticipants':
      return Refusal.atLimit(rejection);
    case 'call_alone':
      return new Refusal(rejection, 'nobody else takes part in this channel yet');
    case 'call_exists':
      return new Refusal(rejection, `call ${callId} is in use on this channel`);
    case 'unknown_call':
    case 'not_in_call':
      return new Refusal('unknown_call', `no call ${callId} of this device on this channel`);
  }
}

const COMMON = { durable: false, unknownCallIsFine: false, withdraws: false } as const;

/** @throws ControlError */
function readRequest({ device }: Session, type: number, value: JsonValue): Request {
  const request = requestOf(device, type, value);
  if (request.callId.length === 0 || request.callId.length > LIMITS.CALL_ID_MAX) {
    throw new ControlError('call_id', `expected 1 to ${LIMITS.CALL_ID_MAX} characters`);
  }
  return request;
}

function requestOf(device: string, type: number, value: JsonValue): Request {
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
        withdraws: false,
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
        withdraws: true,
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
