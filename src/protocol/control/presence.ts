import { LEAF, membersOf } from '../json/json-shape.ts';
import type { JsonValue } from '../json/json-value.ts';
import { LIMITS } from '../limits.ts';
import { lenientObject, lenientText } from './members.ts';

/** PRESENCE from a client, PROTOCOL.md 5.14. */
export interface Presence {
  /** Any text; `online` when the client names none. */
  readonly state: string;
}

/** What `parsePresence` looks at. */
export const PRESENCE_SHAPE = membersOf({ state: LEAF });

/** Throws ControlError for a state beyond LIMITS.PRESENCE_STATE_MAX UTF-16 units. */
export function parsePresence(value: JsonValue): Presence {
  return { state: lenientText(lenientObject(value), 'state', LIMITS.PRESENCE_STATE_MAX) ?? 'online' };
}
