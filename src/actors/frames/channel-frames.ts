import { parseJoin } from '../../protocol/control/index.ts';
import type { Frame } from '../../protocol/frames/frame.ts';
import type { JsonValue } from '../../protocol/json/json.ts';
import type { Channels, JoinRefusal, JoinRequest } from '../channels/channels.ts';
import type { OpenRoomNotices } from '../presence/open-room-notices.ts';
import type { RouteTable } from '../routes/route-table.ts';
import { Refusal } from '../sessions/refusal.ts';
import type { Session } from '../sessions/session.ts';
import type { ChangeBudget } from './change-budget.ts';
import { routeOf } from './frame-route.ts';
import type { GroupFrames } from './group-frames.ts';
import type { Posting } from './posting.ts';
import type { Replies } from './replies.ts';

export interface ChannelFramesParts {
  readonly replies: Replies;
  readonly posting: Posting;
  readonly routes: RouteTable;
  readonly channels: Channels;
  /** For a JOIN that names a group. */
  readonly groups: GroupFrames;
  readonly changes: ChangeBudget;
  readonly notices: OpenRoomNotices;
}

/** JOIN and LEAVE, and the frames that a channel only passes on (PROTOCOL.md 5.4 to 5.6, 7.2). */
export class ChannelFrames {
  readonly #parts: ChannelFramesParts;

  constructor(parts: ChannelFramesParts) {
    this.#parts = parts;
  }

  /** @throws Refusal; CommuCatError `CONTROL_INVALID` when the JSON is not what the frame type wants */
  join(session: Session, frame: Frame, value: JsonValue): Promise<void> | undefined {
    const { changes, channels, groups } = this.#parts;
    const { members, relay, groupId } = parseJoin(value);
    if (groupId !== undefined) return groups.join(session, frame, groupId);
    const { device, user, plaintext } = session;
    const request = { device, user: user.id, number: frame.channel, members, relay, plaintext };
    if (channels.isMember(request)) {
      this.#joined(session, frame, false);
      return undefined;
    }
    changes.charge(session, frame);
    return this.#join(session, frame, request);
  }

  async leave(session: Session, frame: Frame): Promise<void> {
    const { channels, notices, replies, routes } = this.#parts;
    const route = routes.get(session.device, frame.channel);
    await channels.leave(session.device, frame.channel);
    replies.acknowledge(session, frame);
    if (route?.openRoom === true) notices.left(session.device, route);
  }

  /**
   * A durable frame: its ACK follows when it is on disk.
   *
   * @throws Refusal
   */
  relay(session: Session, frame: Frame): undefined {
    const { posting, routes } = this.#parts;
    posting.post(session, routeOf(routes, session, frame), frame);
  }

  /** @throws Refusal */
  pass(session: Session, frame: Frame): undefined {
    const { posting, replies, routes } = this.#parts;
    posting.pass(session, routeOf(routes, session, frame), frame);
    replies.acknowledge(session, frame);
  }

  async #join(session: Session, frame: Frame, request: JoinRequest): Promise<void> {
    const result = await this.#parts.channels.join(request);
    if (!result.ok) throw refusalOf(result.refusal);
    this.#joined(session, frame, true);
  }

  #joined(session: Session, frame: Frame, changed: boolean): void {
    const { notices, replies, routes } = this.#parts;
    replies.acknowledge(session, frame);
    const route = routes.get(session.device, frame.channel);
    if (route?.openRoom === true) notices.joined(session.mailbox, route, changed);
  }
}

function refusalOf(refusal: JoinRefusal): Refusal {
  switch (refusal) {
    case 'too_many_members':
      return Refusal.atLimit('membersPerChannel');
    case 'too_many_channels':
      return Refusal.atLimit('channelsPerDevice');
    case 'too_many_listings':
      return Refusal.atLimit('listingsPerDevice');
    case 'too_many_listings_in_all':
      return Refusal.atLimit('listingBytes');
    case 'channel_closed':
    case 'not_listed':
      return new Refusal('not_a_member', 'nobody in this channel has named the device');
    case 'channel_of_group':
      return new Refusal('forbidden', 'this is the channel of a group: send GROUP_INVITE');
  }
}
