import { LEAF, membersOf } from '../json/json-shape.ts';
import type { JsonValue } from '../json/json-value.ts';
import { LIMITS } from '../limits.ts';
import { lenientFlag, lenientObject, lenientText, MEMBERS_SHAPE, memberIds } from './members.ts';

/** JOIN, PROTOCOL.md 5.9. */
export interface Join {
  /** Declared members, without doubles; the sender may be missing. */
  readonly members: readonly string[];
  readonly relay: boolean;
  /** When set, the members are those of the group and the declared ones do not count. */
  readonly groupId: string | undefined;
}

/** What `parseJoin` looks at. */
export const JOIN_SHAPE = membersOf({ members: MEMBERS_SHAPE, relay: LEAF, group_id: LEAF });

/** Members of wrong types count as absent. Throws ControlError when a limit is exceeded. */
export function parseJoin(value: JsonValue): Join {
  const object = lenientObject(value);
  return {
    members: memberIds(object),
    relay: lenientFlag(object, 'relay', false),
    groupId: lenientText(object, 'group_id', LIMITS.GROUP_ID_MAX),
  };
}
