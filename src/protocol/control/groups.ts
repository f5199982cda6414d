import { LEAF, membersOf } from '../json/json-shape.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json/json-value.ts';
import { LIMITS } from '../limits.ts';
import { ControlError } from './control-error.ts';
import { ownMember } from './decoder.ts';
import {
  DEVICE_ID_RULE,
  isDeviceId,
  lenientFlag,
  lenientObject,
  lenientText,
  MEMBERS_SHAPE,
  memberIds,
  requiredText,
} from './members.ts';

/** The roles in a group, from the one that may do most (PROTOCOL.md 6.6). */
export const GROUP_ROLES = ['owner', 'admin', 'member'] as const;
/** A role in a group. */
export type GroupRole = (typeof GROUP_ROLES)[number];

/** GROUP_CREATE, PROTOCOL.md 5.15. */
export interface GroupCreate {
  /** The server generates one when it is absent. */
  readonly groupId: string | undefined;
  readonly relay: boolean;
  readonly members: readonly string[];
  /** What the sender wishes, by device; who may appoint whom is the decider's business. */
  readonly roles: ReadonlyMap<string, GroupRole>;
}

/** GROUP_INVITE, PROTOCOL.md 5.16. */
export interface GroupInvite {
  readonly groupId: string;
  readonly device: string;
  readonly role: GroupRole;
}

/** What `parseGroupCreate` looks at. */
export const GROUP_CREATE_SHAPE = membersOf({
  group_id: LEAF,
  relay: LEAF,
  members: MEMBERS_SHAPE,
  // One more than may be: it is refused.
  roles: { others: LEAF, most: LIMITS.MEMBERS_MAX + 1 },
});

/** What `parseGroupInvite` looks at. */
export const GROUP_INVITE_SHAPE = membersOf({ group_id: LEAF, device: LEAF, role: LEAF });

/** What `parseGroupDocument` looks at. */
export const GROUP_DOCUMENT_SHAPE = membersOf({
  type: LEAF,
  by: LEAF,
  group_id: LEAF,
  device: LEAF,
  role: LEAF,
});

/** Members of wrong types count as absent. Throws ControlError when a limit is exceeded. */
export function parseGroupCreate(value: JsonValue): GroupCreate {
  const object = lenientObject(value);
  return {
    groupId: lenientText(object, 'group_id', LIMITS.GROUP_ID_MAX) || undefined,
    relay: lenientFlag(object, 'relay', true),
    members: memberIds(object),
    roles: parseRoles(object),
  };
}

/** The role `owner` cannot be had by invitation: it becomes `admin`. Throws ControlError when `group_id` or `device` is missing or impossible. */
export function parseGroupInvite(value: JsonValue): GroupInvite {
  const object = lenientObject(value);
  const groupId = requiredText(object, 'group_id', LIMITS.GROUP_ID_MAX);
  const role = roleOf(ownMember(object, 'role'));
  return { groupId, device: requiredDevice(object), role: role === 'owner' ? 'admin' : role };
}

/** A GROUP_EVENT that changes a group, PROTOCOL.md 6.7; the server checks it, carries it out and relays it. */
export type GroupDocument = { readonly groupId: string } & (
  | { readonly type: 'group-member-left' }
  | { readonly type: 'group-member-removed'; readonly device: string }
  | { readonly type: 'group-role-changed'; readonly device: string; readonly role: GroupRole }
);

/**
 * `undefined` for a document that is none of ours: free-form, between the clients.
 * Throws ControlError when it is of our types and lacks something, or names another sender than `sender`.
 */
export function parseGroupDocument(value: JsonValue, sender: string): GroupDocument | undefined {
  const object = lenientObject(value);
  const type = ownMember(object, 'type');
  switch (type) {
    case 'group-member-left':
      return { type, groupId: documentGroup(object, sender) };
    case 'group-member-removed':
      return { type, groupId: documentGroup(object, sender), device: requiredDevice(object) };
    case 'group-role-changed': {
      const role = GROUP_ROLES.find((known) => known === ownMember(object, 'role'));
      if (role === undefined) throw new ControlError('role', `expected one of ${GROUP_ROLES.join(', ')}`);
      return { type, groupId: documentGroup(object, sender), device: requiredDevice(object), role };
    }
    default:
      return undefined;
  }
}

function documentGroup(object: JsonObject, sender: string): string {
  const by = ownMember(object, 'by');
  if (by !== undefined && by !== sender) throw new ControlError('by', 'expected the sender, or nothing');
  return requiredText(object, 'group_id', LIMITS.GROUP_ID_MAX);
}

function requiredDevice(object: JsonObject): string {
  const device = requiredText(object, 'device', LIMITS.DEVICE_ID_MAX);
  if (!isDeviceId(device)) throw new ControlError('device', DEVICE_ID_RULE);
  return device;
}

function parseRoles(object: JsonObject): ReadonlyMap<string, GroupRole> {
  const roles = ownMember(object, 'roles');
  if (roles === undefined || !isJsonObject(roles)) return new Map();
  const entries = Object.entries(roles);
  if (entries.length > LIMITS.MEMBERS_MAX) {
    throw new ControlError('roles', `more than ${LIMITS.MEMBERS_MAX} devices`);
  }
  return new Map(entries.map(([device, role]) => [device, roleOf(role)]));
}

/** Unknown roles mean `member`, as in the reference. */
function roleOf(value: JsonValue | undefined): GroupRole {
  return GROUP_ROLES.find((role) => role === value) ?? 'member';
}
