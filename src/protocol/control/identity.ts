import { fromHex } from '../bytes.ts';
import type { JsonObject } from '../json/json-value.ts';
import { LIMITS } from '../limits.ts';
import { ControlError } from './control-error.ts';
import { ownMember } from './decoder.ts';
import { DEVICE_ID_RULE, isDeviceId, lenientText } from './members.ts';

/**
 * The rules for what names a device and its user (PROTOCOL.md 3.4). A HELLO is held against them, and so is what an operator
 * registers: a device that is registered is one that can say HELLO.
 */

/** Who the client says it is. Hints, not proofs. */
export interface UserHints {
  readonly id: string | undefined;
  readonly handle: string | undefined;
  readonly displayName: string | undefined;
  readonly avatarUrl: string | undefined;
}

/** The member `device_id`. @throws ControlError when it is absent or no device id */
export function readDeviceId(object: JsonObject): string {
  const value = ownMember(object, 'device_id');
  if (typeof value !== 'string' || !isDeviceId(value)) throw new ControlError('device_id', DEVICE_ID_RULE);
  return value;
}

/** A member with the bytes of a text in hex, upper or lower case. @throws ControlError */
export function readHex(object: JsonObject, key: string): Uint8Array {
  const text = ownMember(object, key);
  if (typeof text !== 'string') throw new ControlError(key, 'expected a hex string');
  try {
    return fromHex(text);
  } catch {
    // Which digit is wrong is of no use to anybody.
    throw new ControlError(key, 'expected a hex string');
  }
}

/** A member with a key of 32 bytes; whether they are a point is not looked at. @throws ControlError */
export function readKey(object: JsonObject, key: string): Uint8Array {
  const bytes = readHex(object, key);
  if (bytes.length !== LIMITS.KEY_BYTES) {
    throw new ControlError(key, `expected ${2 * LIMITS.KEY_BYTES} hex digits`);
  }
  return bytes;
}

/**
 * `id` (or `user_id`), `handle`, `display_name` and `avatar_url`; members of other types than text count as absent.
 * Whether a handle is one that a new account may have, `readHandle` says. @throws ControlError for one that is too long
 */
export function readHints(user: JsonObject): UserHints {
  return {
    id: lenientText(user, 'id', LIMITS.USER_ID_MAX) ?? lenientText(user, 'user_id', LIMITS.USER_ID_MAX),
    handle: lenientText(user, 'handle', LIMITS.HANDLE_MAX),
    displayName: lenientText(user, 'display_name', LIMITS.DISPLAY_NAME_MAX),
    avatarUrl: lenientText(user, 'avatar_url', LIMITS.AVATAR_URL_MAX),
  };
}
