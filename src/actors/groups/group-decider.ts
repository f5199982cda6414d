import type {
  GroupCreated,
  GroupEnded,
  GroupMemberInvited,
  GroupMemberJoined,
  GroupMemberLeft,
  GroupMemberPaused,
  GroupMemberRemoved,
  GroupRole,
  GroupRoleChanged,
} from '../../events/events.ts';
import { PersistentMap } from '../runtime/persistent-map.ts';

/** The rules of groups (PROTOCOL.md 6.6) as pure functions: who belongs to one, and who may change that. */

export type GroupEvent =
  | GroupCreated
  | GroupMemberInvited
  | GroupMemberJoined
  | GroupMemberPaused
  | GroupMemberLeft
  | GroupMemberRemoved
  | GroupRoleChanged
  | GroupEnded;

/** `invited`: has not consented. `joined`: sends and receives. `paused`: has consented, and sent LEAVE. */
export type Standing = 'invited' | 'joined' | 'paused';

export interface GroupMember {
  readonly role: GroupRole;
  readonly standing: Standing;
}

export interface GroupState {
  readonly phase: 'vacant' | 'open' | 'ended';
  /** The number that members use on the wire. */
  readonly number: number;
  readonly owner: string;
  readonly members: PersistentMap<string, GroupMember>;
  /** Nothing has happened since it was created. */
  readonly untouched: boolean;
}

export const VACANT_GROUP: GroupState = {
  phase: 'vacant',
  number: 0,
  owner: '',
  members: PersistentMap.empty(),
  untouched: false,
};

export interface Invitation {
  readonly device: string;
  readonly role: GroupRole;
}

export type GroupCommand =
  | {
      readonly type: 'create';
      readonly device: string;
      /** Key of the group's mail. */
      readonly channel: string;
      readonly number: number;
      readonly relay: boolean;
      readonly invited: readonly Invitation[];
    }
  | {
      readonly type: 'invite';
      readonly device: string;
      readonly number: number;
      readonly invitee: string;
      readonly role: GroupRole;
    }
  | { readonly type: 'join'; readonly device: string; readonly number: number }
  | { readonly type: 'pause'; readonly device: string }
  | { readonly type: 'leave'; readonly device: string; readonly number: number }
  | { readonly type: 'remove'; readonly device: string; readonly number: number; readonly target: string }
  | {
      readonly type: 'change_role';
      readonly device: string;
      readonly number: number;
      readonly target: string;
      readonly role: GroupRole;
    };

export interface GroupLimits {
  /** Most devices of one group, invited ones included. */
  readonly members: number;
}

export type GroupRejection =
  | 'group_exists'
  | 'unknown_group'
  | 'wrong_channel'
  | 'not_joined'
  | 'role_too_low'
  | 'role_differs'
  | 'no_such_member'
  | 'owner_stays'
  | 'too_many_members';

export type GroupDecision =
  | { readonly ok: true; readonly events: readonly GroupEvent[] }
  | { readonly ok: false; readonly rejection: GroupRejection };

const accept = (...events: readonly GroupEvent[]): GroupDecision => ({ ok: true, events });
const reject = (rejection: GroupRejection): GroupDecision => ({ ok: false, rejection });

export function decideGroup(state: GroupState, command: GroupCommand, limits: GroupLimits): GroupDecision {
  if (command.type === 'create') return decideCreate(state, command, limits);
  const member = state.members.get(command.device);
  // A stranger learns nothing, not even that there is such a group.
  if (state.phase !== 'open' || member === undefined) return reject('unknown_group');
  if (command.type === 'pause') {
    return member.standing === 'joined'
      ? accept({ type: 'group.member_paused', device: command.device })
      : accept();
  }
  if (command.number !== state.number) return reject('wrong_channel');
  if (command.type === 'join') {
    return member.standing === 'joined'
      ? accept()
      : accept({ type: 'group.member_joined', device: command.device });
  }
  // Who declines an invitation leaves without having joined.
  if (member.standing !== 'joined' && command.type !== 'leave') return reject('not_joined');
  switch (command.type) {
    case 'invite':
      return decideInvite(state, command, member.role, limits);
    case 'leave':
      return decideLeave(state, command.device);
    case 'remove':
      return decideRemove(state, command.device, member.role, command.target);
    case 'change_role':
      return decideRole(state, command, member.role);
  }
}

function decideCreate(
  state: GroupState,
  command: Extract<GroupCommand, { type: 'create' }>,
  limits: GroupLimits,
): GroupDecision {
  const { device: owner, channel, number, relay } = command;
  const invited = command.invited.filter(({ device }) => device !== owner);
  if (state.phase !== 'vacant') {
    // The group is in the log but its creator may not know: the same request again changes nothing.
    const again =
      state.phase === 'open' &&
      state.untouched &&
      state.owner === owner &&
      state.number === number &&
      invited.length === state.members.size - 1 &&
      invited.every(({ device, role }) => state.members.get(device)?.role === role);
    return again ? accept() : reject('group_exists');
  }
  if (1 + invited.length > limits.members) return reject('too_many_members');
  return accept({ type: 'group.created', channel, number, owner, relay, invited });
}

function decideInvite(
  state: GroupState,
  command: Extract<GroupCommand, { type: 'invite' }>,
  own: GroupRole,
  limits: GroupLimits,
): GroupDecision {
  const { device: by, invitee, role } = command;
  if (own === 'member') return reject('role_too_low');
  const known = state.members.get(invitee);
  if (known !== undefined) {
    // An invitation never changes a role; the same one again only reminds.
    return known.role === role ? accept() : reject('role_differs');
  }
  // Otherwise one admin could make all its friends admins, whom only the owner can remove.
  if (role !== 'member' && own !== 'owner') return reject('role_too_low');
  if (state.members.size >= limits.members) return reject('too_many_members');
  return accept({ type: 'group.member_invited', device: invitee, role, by });
}

function decideLeave(state: GroupState, device: string): GroupDecision {
  const left: GroupEvent = { type: 'group.member_left', device };
  if (state.owner !== device) return accept(left);
  for (const [other, { standing }] of state.members) {
    if (other !== device && standing !== 'invited') return reject('owner_stays');
  }
  return accept(left, { type: 'group.ended' });
}

const RANK: Readonly<Record<GroupRole, number>> = { member: 0, admin: 1, owner: 2 };

function decideRemove(state: GroupState, by: string, own: GroupRole, target: string): GroupDecision {
  const member = state.members.get(target);
  if (own === 'member' || target === by) return reject('role_too_low');
  if (member === undefined) return accept();
  return RANK[own] > RANK[member.role]
    ? accept({ type: 'group.member_removed', device: target, by })
    : reject('role_too_low');
}

function decideRole(
  state: GroupState,
  command: Extract<GroupCommand, { type: 'change_role' }>,
  own: GroupRole,
): GroupDecision {
  const { device: by, target, role } = command;
  const member = state.members.get(target);
  if (own !== 'owner') return reject('role_too_low');
  if (member === undefined) return reject('no_such_member');
  if (member.role === role) return accept();
  if (target === by) return reject('owner_stays');
  if (role !== 'owner') return accept({ type: 'group.role_changed', device: target, role, by });
  // A group must not end up in the hands of somebody who never agreed to be in it.
  return member.standing === 'invited'
    ? reject('no_such_member')
    : accept(
        { type: 'group.role_changed', device: target, role, by },
        { type: 'group.role_changed', device: by, role: 'admin', by },
      );
}

export function evolveGroup(state: GroupState, event: GroupEvent): GroupState {
  switch (event.type) {
    case 'group.created':
      return {
        phase: 'open',
        number: event.number,
        owner: event.owner,
        members: PersistentMap.of<string, GroupMember>([
          [event.owner, { role: 'owner', standing: 'joined' }],
          ...event.invited.map(({ device, role }) => [device, { role, standing: 'invited' }] as const),
        ]),
        untouched: true,
      };
    case 'group.member_invited':
      return withMember(state, event.device, { role: event.role, standing: 'invited' });
    case 'group.member_joined':
      return withMember(state, event.device, { role: roleOf(state, event.device), standing: 'joined' });
    case 'group.member_paused':
      return withMember(state, event.device, { role: roleOf(state, event.device), standing: 'paused' });
    case 'group.member_left':
    case 'group.member_removed':
      return { ...state, members: state.members.without([event.device]), untouched: false };
    case 'group.role_changed': {
      const standing = state.members.get(event.device)?.standing ?? 'invited';
      const changed = withMember(state, event.device, { role: event.role, standing });
      return event.role === 'owner' ? { ...changed, owner: event.device } : changed;
    }
    case 'group.ended':
      return { ...state, phase: 'ended', members: PersistentMap.empty(), untouched: false };
  }
}

function roleOf(state: GroupState, device: string): GroupRole {
  return state.members.get(device)?.role ?? 'member';
}

function withMember(state: GroupState, device: string, member: GroupMember): GroupState {
  return { ...state, members: state.members.with([[device, member]]), untouched: false };
}
