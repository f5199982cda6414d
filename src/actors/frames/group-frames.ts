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
import type { Session } from '../sessions/session.ts';
import type { Desk, Posting } from './desk.ts';

type Refused = Extract<GroupResult, { ok: false }>;

/** GROUP_CREATE, GROUP_INVITE and the GROUP_EVENTs that change a group (PROTOCOL.md 5.15, 5.16, 6.6, 6.7). */
export class GroupFrames {
  readonly #desk: Desk;
  readonly #groups: Groups;

  constructor(desk: Desk, groups: Groups) {
    this.#desk = desk;
    this.#groups = groups;
  }

  /** @throws CommuCatError `CONTROL_INVALID` when the JSON is not what the frame type wants. */
  create(session: Session, frame: Frame, value: JsonValue): Promise<void> {
    const { groupId: group, relay, members, roles } = parseGroupCreate(value);
    const { device, user } = session;
    const invited = members
      .filter((member) => member !== device)
      .map((member) => ({ device: member, role: invitedAs(roles.get(member)) }));
    const request = { device, user: user.id, number: frame.channel, group, relay, invited };
    const letter = this.#letter(session, frame, (id) => ({ group_id: id }));
    return this.#answer(session, frame, this.#groups.create(request, letter));
  }

  /** @throws CommuCatError `CONTROL_INVALID` when the JSON is not what the frame type wants. */
  invite(session: Session, frame: Frame, value: JsonValue): Promise<void> {
    const { groupId, device: invitee, role } = parseGroupInvite(value);
    const { device, user } = session;
    const command = { type: 'invite', device, number: frame.channel, invitee, role } as const;
    const letter = this.#letter(session, frame, (id) => ({ device: invitee, group_id: id }));
    return this.#answer(session, frame, this.#groups.change(user.id, groupId, command, letter));
  }

  /** Whether a GROUP_EVENT changes its group; others are only relayed. @throws CommuCatError `CONTROL_INVALID` */
  isChange(session: Session, value: JsonValue): boolean {
    return parseGroupDocument(value, session.device) !== undefined;
  }

  /**
   * `undefined` when the document is free-form: it is relayed like any other frame.
   *
   * @throws CommuCatError `CONTROL_INVALID` when it is of our types and not what that wants.
   */
  document(session: Session, frame: Frame, value: JsonValue): Promise<void> | undefined {
    const document = parseGroupDocument(value, session.device);
    if (document === undefined) return undefined;
    const command = commandOf(document, session.device, frame.channel);
    const withdraws = document.type !== 'group-role-changed';
    const letter = this.#letter(session, frame, () => undefined, withdraws);
    return this.#answer(
      session,
      frame,
      this.#groups.change(session.user.id, document.groupId, command, letter),
    );
  }

  join(session: Session, frame: Frame, group: string): Promise<void> {
    return this.#answer(
      session,
      frame,
      this.#groups.join(session.device, group, frame.channel).then((result) => {
        if (result.ok) this.#desk.acknowledgeWith(session, frame, { group_id: group });
        return result;
      }),
    );
  }

  /** The frame itself, which tells everybody concerned of what it has changed. */
  #letter(
    session: Session,
    frame: Frame,
    reply: (group: string) => Posting['reply'],
    withdraws = false,
  ): GroupLetter {
    return ({ group, route, fact, undo }) =>
      this.#desk.commit(session, route, frame, { reply: reply(group), fact, withdraws, undo });
  }

  async #answer(session: Session, frame: Frame, pending: Promise<GroupResult>): Promise<void> {
    const result = await pending;
    if (!result.ok) this.#refuse(session, frame, result);
  }

  #refuse(session: Session, frame: Frame, { refusal, number }: Refused): void {
    if (refusal === 'too_many_members' || refusal === 'too_many_channels') {
      const limit = refusal === 'too_many_members' ? 'membersPerChannel' : 'channelsPerDevice';
      this.#desk.refuseLimit(session, frame, limit);
      return;
    }
    const [code, detail] = REFUSALS[refusal];
    this.#desk.refuse(session, frame, code, detail, number === undefined ? {} : { channel: number });
  }
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
