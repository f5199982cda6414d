import type { Presence } from '../../presence/index.ts';
import { frameShape, parseAck, parseJoin, parsePresence } from '../../protocol/control/index.ts';
import { CommuCatError, decodeErrorPayload } from '../../protocol/frames/errors.ts';
import type { Frame } from '../../protocol/frames/frame.ts';
import { frameLength } from '../../protocol/frames/frame.ts';
import { FRAME, type FrameName, frameTypeOf } from '../../protocol/frames/frame-types.ts';
import { type JsonValue, parseJson } from '../../protocol/json/json.ts';
import { LIMITS } from '../../protocol/limits.ts';
import type { Channels, JoinRefusal, JoinRequest } from '../channels/channels.ts';
import type { OpenRoomNotices } from '../presence/open-room-notices.ts';
import type { ChannelRoute, Route } from '../routes/route.ts';
import type { RouteTable } from '../routes/route-table.ts';
import type { RelayEvents } from '../runtime/relay-events.ts';
import type { Session } from '../sessions/session.ts';
import type { CallFrames } from './call-frames.ts';
import type { ChangeBudget } from './change-budget.ts';
import type { Desk } from './desk.ts';
import type { GroupFrames } from './group-frames.ts';

export interface FrameDispatchParts {
  readonly desk: Desk;
  readonly routes: RouteTable;
  readonly channels: Channels;
  readonly groups: GroupFrames;
  readonly calls: CallFrames;
  readonly changes: ChangeBudget;
  readonly notices: OpenRoomNotices;
  readonly presence: Presence;
  readonly events: RelayEvents;
  /** Tells the peer that its bytes are no frame, and ends the session. */
  readonly decodeFailed: (session: Session, payload: Uint8Array) => void;
}

/** What a frame does; `value` is its JSON, null where the payload is opaque. */
type FrameHandler = (session: Session, frame: Frame, value: JsonValue) => Promise<void> | undefined;

const passOver: FrameHandler = () => undefined;

/** A payload that had to be JSON is none. */
const NOT_JSON = Symbol('not json');

/**
 * What each frame of an established session does (PROTOCOL.md 5). A handler that has to wait returns a promise; the
 * session's later frames wait for it, so that their order holds.
 */
export class FrameDispatch {
  readonly #parts: FrameDispatchParts;
  readonly #handlers: Readonly<Record<FrameName, FrameHandler>> = {
    // These three have no meaning in an established session (PROTOCOL.md 5).
    HELLO: passOver,
    AUTH: passOver,
    ERROR: passOver,
    JOIN: (session, frame, value) => this.#join(session, frame, value),
    LEAVE: (session, frame) => this.#leave(session, frame),
    MSG: (session, frame) => this.#relay(session, frame),
    ACK: (session, frame, value) => this.#confirm(session, frame, value),
    TYPING: (session, frame) => this.#live(session, frame),
    PRESENCE: ({ device, number }, _frame, value) =>
      this.#parts.presence.publish(device, number, parsePresence(value).state),
    KEY_UPDATE: (session, frame) => this.#relay(session, frame),
    GROUP_CREATE: (session, frame, value) => this.#group(session, frame, value),
    GROUP_INVITE: (session, frame, value) => this.#group(session, frame, value),
    GROUP_EVENT: (session, frame, value) => this.#group(session, frame, value),
    CALL_OFFER: (session, frame, value) => this.#call(session, frame, value),
    CALL_ANSWER: (session, frame, value) => this.#call(session, frame, value),
    CALL_END: (session, frame, value) => this.#call(session, frame, value),
    VOICE_FRAME: (session, frame) => this.#live(session, frame),
    VIDEO_FRAME: (session, frame) => this.#live(session, frame),
    CALL_STATS: (session, frame, value) => this.#call(session, frame, value),
    TRANSPORT_UPDATE: (session, frame, value) => this.#call(session, frame, value),
  };

  constructor(parts: FrameDispatchParts) {
    this.#parts = parts;
  }

  handle(session: Session, frame: Frame): Promise<void> | undefined {
    const type = frameTypeOf(frame.type);
    if (type === undefined) return undefined;
    const value = type.payload === 'json' ? parsed(frame) : null;
    if (value === NOT_JSON) {
      this.#parts.decodeFailed(session, decodeErrorPayload());
      return undefined;
    }
    if (type.durable && this.#parts.desk.answersAgain(session, frame)) return undefined;
    try {
      return this.#handlers[type.name](session, frame, value)?.catch((error: unknown) => {
        this.#refuseMalformed(session, frame, error);
      });
    } catch (error) {
      this.#refuseMalformed(session, frame, error);
      return undefined;
    }
  }

  /** @throws the error when it is not about the frame's JSON */
  #refuseMalformed(session: Session, frame: Frame, error: unknown): void {
    if (error instanceof CommuCatError && error.code === 'CONTROL_INVALID') {
      this.#parts.desk.refuse(session, frame, 'malformed', error.message);
      return;
    }
    throw error;
  }

  #relay(session: Session, frame: Frame): undefined {
    const route = this.#route(session, frame);
    if (route !== undefined) this.#parts.desk.post(session, route, frame);
  }

  #live(session: Session, frame: Frame): undefined {
    const route = this.#route(session, frame);
    if (route !== undefined) {
      this.#parts.desk.pass(session, route, frame);
      this.#parts.desk.acknowledgeFrame(session, frame.channel, frame.sequence);
    }
  }

  /** The channel of a frame that is to be relayed; `undefined` when the frame has been refused. */
  #route(session: Session, frame: Frame): ChannelRoute | undefined {
    const { desk, routes } = this.#parts;
    if (!this.#fits(session, frame)) return undefined;
    const route = routes.get(session.device, frame.channel);
    if (route === undefined) {
      const name = frameTypeOf(frame.type)?.name ?? 'frame';
      desk.refuse(session, frame, 'unknown_channel', `${name} on channel ${frame.channel}: send JOIN first`);
    }
    return route;
  }

  /** Whether the frame may be relayed; it has been refused otherwise. */
  #fits(session: Session, frame: Frame): boolean {
    // A frame must fit into one record of every recipient, whatever sequence it gets there.
    const length = frameLength(frame.channel, LIMITS.MAX_SEQUENCE, frame.payload.length);
    if (length > LIMITS.MAX_RECORD_PLAINTEXT) {
      const detail = `a frame may take ${LIMITS.MAX_RECORD_PLAINTEXT} bytes, this one takes up to ${length}`;
      this.#parts.desk.refuse(session, frame, 'too_large', detail);
      return false;
    }
    return true;
  }

  #group(session: Session, frame: Frame, value: JsonValue): Promise<void> | undefined {
    const { groups } = this.#parts;
    if (!this.#fits(session, frame)) return undefined;
    const changes = frame.type !== FRAME.GROUP_EVENT || groups.isChange(session, value);
    if (changes && !this.#mayChange(session, frame)) return undefined;
    switch (frame.type) {
      case FRAME.GROUP_CREATE:
        return groups.create(session, frame, value);
      case FRAME.GROUP_INVITE:
        return groups.invite(session, frame, value);
      default: {
        const pending = groups.document(session, frame, value);
        if (pending === undefined) this.#relay(session, frame);
        return pending;
      }
    }
  }

  #join(session: Session, frame: Frame, value: JsonValue): Promise<void> | undefined {
    const { desk, channels, groups } = this.#parts;
    const { members, relay, groupId } = parseJoin(value);
    if (groupId !== undefined) {
      return this.#mayChange(session, frame) ? groups.join(session, frame, groupId) : undefined;
    }
    const { device, user, plaintext } = session;
    const request = { device, user: user.id, number: frame.channel, members, relay, plaintext };
    if (channels.isMember(request)) {
      desk.acknowledgeFrame(session, frame.channel, frame.sequence);
      this.#noticeJoin(session, frame, false);
      return undefined;
    }
    return this.#mayChange(session, frame) ? this.#joinChannel(session, frame, request) : undefined;
  }

  /** Whether the account may make one more change of channels, groups or calls; the frame has been refused otherwise. */
  #mayChange(session: Session, frame: Frame, offeredTo?: Route): boolean {
    const { changes, desk } = this.#parts;
    const isAllowed =
      offeredTo === undefined ? changes.take(session, frame) : changes.takeOffer(session, frame, offeredTo);
    if (!isAllowed) desk.refuseRate(session, frame, 'changeBytesPerSecond');
    return isAllowed;
  }

  async #joinChannel(session: Session, frame: Frame, request: JoinRequest): Promise<void> {
    const { desk, channels } = this.#parts;
    const result = await channels.join(request);
    if (result.ok) {
      desk.acknowledgeFrame(session, frame.channel, frame.sequence);
      this.#noticeJoin(session, frame, true);
    } else {
      this.#refuseJoin(session, frame, result.refusal);
    }
  }

  #noticeJoin({ device, mailbox }: Session, { channel }: Frame, changed: boolean): void {
    const route = this.#parts.routes.get(device, channel);
    if (route?.openRoom === true) this.#parts.notices.joined(mailbox, route, changed);
  }

  #refuseJoin(session: Session, frame: Frame, refusal: JoinRefusal): void {
    const { desk } = this.#parts;
    switch (refusal) {
      case 'too_many_members':
        desk.refuseLimit(session, frame, 'membersPerChannel');
        return;
      case 'too_many_channels':
        desk.refuseLimit(session, frame, 'channelsPerDevice');
        return;
      case 'too_many_listings':
        desk.refuseLimit(session, frame, 'listingsPerDevice');
        return;
      case 'too_many_listings_in_all':
        desk.refuseLimit(session, frame, 'listingBytes');
        return;
      case 'channel_closed':
      case 'not_listed':
        desk.refuse(session, frame, 'not_a_member', 'nobody in this channel has named the device');
        return;
      case 'channel_of_group':
        desk.refuse(session, frame, 'forbidden', 'this is the channel of a group: send GROUP_INVITE');
        return;
      default:
        refusal satisfies never;
    }
  }

  async #leave(session: Session, frame: Frame): Promise<void> {
    const { channels, desk, notices, routes } = this.#parts;
    const route = routes.get(session.device, frame.channel);
    await channels.leave(session.device, frame.channel);
    desk.acknowledgeFrame(session, frame.channel, frame.sequence);
    if (route?.openRoom === true) notices.left(session.device, route);
  }

  #confirm(session: Session, frame: Frame, value: JsonValue): undefined {
    if (session.mode !== 'confirmed' || frame.channel !== 0) return;
    const { ack } = parseAck(value);
    if (session.outbox?.confirm(ack) === false) {
      const detail = `inbox number ${ack} was not sent; the next one is ${session.mailbox.next}`;
      this.#parts.desk.refuse(session, frame, 'unknown_inbox_number', detail);
    }
  }

  async #call(session: Session, frame: Frame, value: JsonValue): Promise<void> {
    const step = this.#parts.calls.read(session, frame, value);
    const route = this.#route(session, frame);
    if (route !== undefined && this.#mayCall(session, frame, route)) await step(route);
  }

  /** Hanging up and telling how it sounds are free: neither leaves more behind than there was. */
  #mayCall(session: Session, frame: Frame, route: Route): boolean {
    switch (frame.type) {
      case FRAME.CALL_END:
      case FRAME.CALL_STATS:
        return true;
      case FRAME.CALL_OFFER:
        return this.#mayChange(session, frame, route);
      default:
        return this.#mayChange(session, frame);
    }
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
