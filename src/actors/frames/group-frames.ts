import {
  type GroupDocument,
  type GroupRole,
  parseGroupCreate,
  parseGroupDocument,
  parseGroupInvite,
} from '../../protocol/control/index.ts';
import type { WireErrorCode } from '../../protocol/frames/errors.ts';
import type { Frame } from '../../protocol/frames/frame.ts';
import type { JsonValue } from '../../protocol/json/json.ts';
import type { GroupLetter, GroupRefusal, GroupResult, Groups } from '../groups/groups.ts';
import type { RouteTable } from '../routes/route-table.ts';
import { Refusal } from '../sessions/refusal.ts';
import type { Session } from '../sessions/session.ts';
import type { ChangeBudget } from './change-budget.ts';
import { checkFits, routeOf } from './frame-route.ts';
import type { Enclosed, Posting } from './posting.ts';
import type { Replies } from './replies.ts';

export interface GroupFramesParts {
  readonly replies: Replies;
  readonly posting: Posting;
  readonly routes: RouteTable;
  readonly groups: Groups;
  readonly changes: ChangeBudget;
}

/**
 * GROUP_CREATE, GROUP_INVITE, GROUP_EVENT and the JOIN of a group (PROTOCOL.md 5.15, 5.16, 6.6, 6.7). All of these throw or
 * reject with a Refusal, or with CommuCatError `CONTROL_INVALID` when the JSON is not what the frame type wants.
 */
export class GroupFrames {
  readonly #parts: GroupFramesParts;

  constructor(parts: GroupFramesParts) {
    this.#parts = parts;
  }

  create(session: Session, frame: Frame, value: JsonValue): Promise<void> {
    this.#charge(session, frame);
    const { groupId: group, relay, members, roles } = parseGroupCreate(value);
    const { device, user } = session;
    const invited = members
      .filter((member) => member !== device)
      .map((member) => ({ device: member, role: invitedAs(roles.get(member)) }));
    const request = { device, user: user.id, number: frame.channel, group, relay, invited };
    const letter = this.#letter(session, frame, (id) => ({ group_id: id }));
    return allowed(this.#parts.groups.create(request, letter));
  }

  invite(session: Session, frame: Frame, value: JsonValue): Promise<void> {
    this.#charge(session, frame);
    const { groupId, device: invitee, role } = parseGroupInvite(value);
    const { device, user } = session;
    const command = { type: 'invite', device, number: frame.channel, invitee, role } as const;
    const letter = this.#letter(session, frame, (id) => ({ device: invitee, group_id: id }));
    return allowed(this.#parts.groups.change(user.id, groupId, command, letter));
  }

  /** A document that is free-form is relayed like any other frame. */
  document(session: Session, frame: Frame, value: JsonValue): Promise<void> | undefined {
    checkFits(frame);
    const { groups, posting, routes } = this.#parts;
    const document = parseGroupDocument(value, session.device);
    if (document === undefined) {
      posting.post(session, routeOf(routes, session, frame), frame);
      return undefined;
    }
    this.#charge(session, frame);
    const command = commandOf(document, session.device, frame.channel);
    const withdraws = document.type !== 'group-role-changed';
    const letter = this.#letter(session, frame, () => undefined, withdraws);
    return allowed(groups.change(session.user.id, document.groupId, command, letter));
  }

  async join(session: Session, frame: Frame, group: string): Promise<void> {
    const { changes, groups, replies } = this.#parts;
    changes.charge(session, frame);
    await allowed(groups.join(session.device, group, frame.channel));
    replies.acknowledge(session, frame, { group_id: group });
  }

  #charge(session: Session, frame: Frame): void {
    checkFits(frame);
    this.#parts.changes.charge(session, frame);
  }

  /** The frame itself, which tells everybody concerned of what it has changed. */
  #letter(
    session: Session,
    frame: Frame,
    reply: (group: string) => Enclosed['reply'],
    withdraws = false,
  ): GroupLetter {
    return ({ group, route, fact, undo }) =>
      this.#parts.posting.commit(session, route, frame, { reply: reply(group), fact, withdraws, undo });
  }
}

/** @throws Refusal when the group does not allow it */
async function allowed(pending: Promise<GroupResult>): Promise<void> {
  const result = await pending;
  if (!result.ok) throw refusalOf(result);
}

function refusalOf({ refusal, number }: Extract<GroupResult, { ok: false }>): Refusal {
  if (refusal === 'too_many_members') return Refusal.atLimit('membersPerChannel');
  if (refusal === 'too_many_channels') return Refusal.atLimit('channelsPerDevice');
  const [code, detail] = REFUSALS[refusal];
  return new Refusal(code, detail, number === undefined ? {} : { fields: { channel: number } });
}

type OtherRefusal = Exclude<GroupRefusal, 'too_many_members' | 'too_many_channels'>;

const REFUSALS: Readonly<Record<OtherRefusal, readonly [WireErrorCode, string]>> = {
  group_exists: ['group_exists', 'this id has been used; leave group_id out to be given a new one'],
  unknown_group: ['unknown_group', 'there is no such group, or the device is not invited'],
  wrong_channel: ['wrong_channel', 'the group talks on the channel that is named here'],
  not_joined: ['not_a_member', 'send JOIN with this group_id first'],
  role_too_low: ['forbidden', 'the role of the sender in this group does not allow it'],
  role_differs: ['forbidden', 'an invitation does not change the role of a member'],
  owner_stays: ['forbidden', 'the owner passes the group on first: role "owner" to a member'],
  no_such_member: ['unknown_device', 'the device has not joined this group'],
  unknown_device: ['unknown_device', 'a group only takes registered devices'],
  channel_exists: ['channel_exists', 'the number is in use by another channel: LEAVE that first'],
};

/** A group has one owner, and that is who creates it. */
function invitedAs(role: GroupRole | undefined): GroupRole {
  return role === 'owner' ? 'admin' : (role ?? 'member');
}

function commandOf(document: GroupDocument, device: string, number: number) {
  switch (document.type) {
    case 'group-member-left':
      return { type: 'leave', device, number } as const;
    case 'group-member-removed':
      return { type: 'remove', device, number, target: document.device } as const;
    case 'group-role-changed':
      return { type: 'change_role', device, number, target: document.device, role: document.role } as const;
  }
}
