import { isJsonObject, type JsonObject, type JsonValue } from '../json-value.ts';
import { LIMITS } from '../limits.ts';
import { ControlError } from './control-error.ts';
import { ownMember } from './decoder.ts';
import {
  DEVICE_ID_RULE,
  isDeviceId,
  lenientFlag,
  lenientObject,
  lenientText,
  memberIds,
  requiredText,
} from './members.ts';

export const GROUP_ROLES = ['owner', 'admin', 'member'] as const;
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

/** Members of wrong types count as absent. Throws ControlError when a limit is exceeded. */
export function parseGroupCreate(value: JsonValue): GroupCreate {
  const object = lenientObject(value);
  return {
    groupId: lenientText(object, 'group_id', LIMITS.GROUP_ID_MAX),
    relay: lenientFlag(object, 'relay', true),
    members: memberIds(object),
    roles: parseRoles(object),
  };
}

/** Throws ControlError when `group_id` or `device` is missing or impossible. */
export function parseGroupInvite(value: JsonValue): GroupInvite {
  const object = lenientObject(value);
  const groupId = requiredText(object, 'group_id', LIMITS.GROUP_ID_MAX);
  const device = requiredText(object, 'device', LIMITS.DEVICE_ID_MAX);
  if (!isDeviceId(device)) throw new ControlError('device', DEVICE_ID_RULE);
  return { groupId, device, role: roleOf(ownMember(object, 'role')) };
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
