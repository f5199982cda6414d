import { type JsonShape, TEXT } from '../json/json-shape.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json/json-value.ts';
import { LIMITS } from '../limits.ts';
import { ControlError } from './control-error.ts';
import { ownMember } from './decoder.ts';

/** Readers of single members, as lenient as the reference: a wrong type counts as absent, a non-object as empty. */

/** The value as an object; anything else has no members. */
export function lenientObject(value: JsonValue): JsonObject {
  return isJsonObject(value) ? value : {};
}

/** Throws ControlError beyond `maximum` UTF-16 units. */
export function lenientText(object: JsonObject, key: string, maximum: number): string | undefined {
  const value = ownMember(object, key);
  return typeof value === 'string' ? limitedText(value, key, maximum) : undefined;
}

export function lenientFlag(object: JsonObject, key: string, preset: boolean): boolean {
  const value = ownMember(object, key);
  return typeof value === 'boolean' ? value : preset;
}

/** Throws ControlError when the member is absent, not a text, empty or beyond `maximum` UTF-16 units. */
export function requiredText(object: JsonObject, key: string, maximum: number): string {
  const value = ownMember(object, key);
  if (typeof value !== 'string' || value === '') {
    throw new ControlError(key, 'expected a string that is not empty');
  }
  return limitedText(value, key, maximum);
}

/** Entries of `members`, those that count for nothing included: reading each costs something. */
const ENTRIES_MAX = 2 * LIMITS.MEMBERS_MAX;

/** What `memberIds` looks at in `members`. */
export const MEMBERS_SHAPE: JsonShape = { items: TEXT, most: ENTRIES_MAX + 1 };

/**
 * The device ids in the array `members`, without doubles, in their order; entries that are no strings are skipped.
 * Throws ControlError for more than LIMITS.MEMBERS_MAX ids, twice as many entries, or an id that no device can have.
 */
export function memberIds(object: JsonObject): readonly string[] {
  const value = ownMember(object, 'members');
  if (!Array.isArray(value)) return [];
  if (value.length > ENTRIES_MAX) throw new ControlError('members', `more than ${ENTRIES_MAX} entries`);
  const ids = new Set<string>();
  for (const [index, id] of value.entries()) {
    if (typeof id !== 'string') continue;
    if (!isDeviceId(id)) throw new ControlError(`members[${index}]`, DEVICE_ID_RULE);
    ids.add(id);
    if (ids.size > LIMITS.MEMBERS_MAX) {
      throw new ControlError('members', `more than ${LIMITS.MEMBERS_MAX} devices`);
    }
  }
  return [...ids];
}

export const DEVICE_ID_RULE = `expected 1 to ${LIMITS.DEVICE_ID_MAX} printable ASCII characters without @`;

/** Printable ASCII without space and `@`, at most LIMITS.DEVICE_ID_MAX characters. */
export function isDeviceId(text: string): boolean {
  return text.length <= LIMITS.DEVICE_ID_MAX && /^[!-?A-~]+$/.test(text);
}

function limitedText(value: string, key: string, maximum: number): string {
  if (value.length > maximum) throw new ControlError(key, `longer than ${maximum} characters`);
  return value;
}
