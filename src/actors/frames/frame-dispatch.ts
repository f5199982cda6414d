import type { Presence } from '../../presence/index.ts';
import { frameShape, parseAck, parsePresence } from '../../protocol/control/index.ts';
import { CommuCatError } from '../../protocol/frames/errors.ts';
import type { Frame } from '../../protocol/frames/frame.ts';
import { type FrameName, frameTypeOf } from '../../protocol/frames/frame-types.ts';
import { type JsonValue, parseJson } from '../../protocol/json/json.ts';
import type { RelayEvents } from '../runtime/relay-events.ts';
import type { FrameHandling } from '../sessions/intake.ts';
import { Refusal } from '../sessions/refusal.ts';
import type { Session } from '../sessions/session.ts';
import type { CallFrames } from './call-frames.ts';
import type { ChannelFrames } from './channel-frames.ts';
import type { GroupFrames } from './group-frames.ts';
import type { Posting } from './posting.ts';
import type { Replies } from './replies.ts';

export interface FrameDispatchParts {
  readonly replies: Replies;
  readonly posting: Posting;
  readonly channels: ChannelFrames;
  readonly groups: GroupFrames;
  readonly calls: CallFrames;
  readonly presence: Presence;
  readonly events: Pick<RelayEvents, 'failed'>;
}

/**
 * What a frame does; `value` is its JSON, null where the payload is opaque. It throws or rejects with a Refusal to refuse
 * the frame.
 */
type FrameHandler = (session: Session, frame: Frame, value: JsonValue) => Promise<void> | undefined;

const passOver: FrameHandler = () => undefined;

/** A payload that had to be JSON is none. */
const NOT_JSON = Symbol('not json');

/**
 * What each frame of an established session does (PROTOCOL.md 5). A handler that has to wait returns a promise; the
 * session's later frames wait for it, so that their order holds.
 */
export class FrameDispatch implements FrameHandling {
  readonly #parts: FrameDispatchParts;
  readonly #handlers: Readonly<Record<FrameName, FrameHandler>>;

  constructor(parts: FrameDispatchParts) {
    this.#parts = parts;
    const { calls, channels, groups, presence } = parts;
    const relay: FrameHandler = (session, frame) => channels.relay(session, frame);
    const pass: FrameHandler = (session, frame) => channels.pass(session, frame);
    const call: FrameHandler = (session, frame, value) => calls.handle(session, frame, value);
    this.#handlers = {
      // These three have no meaning in an established session (PROTOCOL.md 5).
      HELLO: passOver,
      AUTH: passOver,
      ERROR: passOver,
      JOIN: (session, frame, value) => channels.join(session, frame, value),
      LEAVE: (session, frame) => channels.leave(session, frame),
      MSG: relay,
      ACK: confirm,
      TYPING: pass,
      PRESENCE: ({ device, number }, _frame, value) =>
        presence.publish(device, number, parsePresence(value).state),
      KEY_UPDATE: relay,
      GROUP_CREATE: (session, frame, value) => groups.create(session, frame, value),
      GROUP_INVITE: (session, frame, value) => groups.invite(session, frame, value),
      GROUP_EVENT: (session, frame, value) => groups.document(session, frame, value),
      CALL_OFFER: call,
      CALL_ANSWER: call,
      CALL_END: call,
      VOICE_FRAME: pass,
      VIDEO_FRAME: pass,
      CALL_STATS: call,
      TRANSPORT_UPDATE: call,
    };
  }

  handle(session: Session, frame: Frame): Promise<void> | undefined {
    try {
      return this.#handle(session, frame)?.catch((error: unknown) => this.#refuse(session, frame, error));
    } catch (error) {
      this.#refuse(session, frame, error);
      return undefined;
    }
  }

  #handle(session: Session, frame: Frame): Promise<void> | undefined {
    const type = frameTypeOf(frame.type);
    if (type === undefined) return undefined;
    const value = type.payload === 'json' ? parsed(frame) : null;
    if (value === NOT_JSON) {
      session.end('decode');
      return undefined;
    }
    if (type.durable && session.resumes && session.mailbox.lane.hasTaken(frame.sequence)) {
      return this.#answerAgain(session, frame);
    }
    return this.#handlers[type.name](session, frame, value);
  }

  /**
   * A frame that was sent before is answered as it was, once that is durable, and posted never again. PROTOCOL.md 11.3.
   *
   * @throws Refusal when it was refused then
   */
  #answerAgain(session: Session, frame: Frame): Promise<void> | undefined {
    const settled = this.#parts.posting.settled(session);
    if (settled !== undefined) return settled.then(() => this.#answerAgain(session, frame));
    const { lane } = session.mailbox;
    const refusal = lane.refusalOf(frame.sequence);
    if (refusal !== undefined) throw new Refusal(refusal, 'the frame was refused when it came first');
    // Otherwise the log has refused it meanwhile, and that was answered.
    if (lane.hasTaken(frame.sequence)) this.#parts.replies.acknowledge(session, frame);
    return undefined;
  }

  /** The one place where what handlers throw becomes an answer. */
  #refuse(session: Session, frame: Frame, error: unknown): void {
    this.#parts.replies.refuse(session, frame, this.#refusalOf(frame, error));
  }

  #refusalOf(frame: Frame, error: unknown): Refusal {
    if (error instanceof Refusal) return error;
    if (error instanceof CommuCatError && error.code === 'CONTROL_INVALID') {
      return new Refusal('malformed', error.message);
    }
    this.#parts.events.failed(`frame type ${frame.type}`, error);
    return new Refusal('storage', 'the request could not be stored; send it again later');
  }
}

/** @throws Refusal `unknown_inbox_number`; CommuCatError `CONTROL_INVALID` */
function confirm(session: Session, frame: Frame, value: JsonValue): undefined {
  if (session.mode !== 'confirmed' || frame.channel !== 0) return;
  const { ack } = parseAck(value);
  if (session.outbox?.confirm(ack) === false) {
    const detail = `inbox number ${ack} was not sent; the next one is ${session.mailbox.next}`;
    throw new Refusal('unknown_inbox_number', detail);
  }
}

function parsed({ payload, type }: Frame): JsonValue | typeof NOT_JSON {
  try {
    return parseJson(payload, frameShape(type));
  } catch (error) {
    if (error instanceof CommuCatError) return NOT_JSON;
    throw error;
  }
}
