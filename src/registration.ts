import { Accounts } from './actors/accounts.ts';
import { type Config, loadFederationSeed } from './config/index.ts';
import { sodiumBackend } from './crypto/index.ts';
import type { EventLog } from './log/event-log.ts';
import { fromHex, toHex } from './protocol/bytes.ts';
import { DEVICE_ID_RULE, isDeviceId } from './protocol/control/members.ts';
import { CommuCatError } from './protocol/errors.ts';
import { HANDLE_RULE, readHandle } from './protocol/handle.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './protocol/json.ts';
import { deriveAuthorityKey } from './protocol/keys.ts';
import { LIMITS } from './protocol/limits.ts';
import { systemClock, systemRandom } from './system/index.ts';

/** A user that the operator registers, and a device of it where the key is known. */
export interface Registration {
  readonly handle: string;
  readonly displayName: string | null;
  readonly avatarUrl: string | null;
  readonly device: { readonly id: string; readonly publicKey: Uint8Array } | undefined;
}

/** `REGISTRATION_INVALID`: the request is wrong. `REGISTRATION_TAKEN`: the handle or the device id is in use. */
export class RegistrationError extends CommuCatError {
  declare readonly code: 'REGISTRATION_INVALID' | 'REGISTRATION_TAKEN';
}

/**
 * Checks the JSON form: `{handle, display_name?, avatar_url?, device_id?, device_public?}`, the last two together.
 * @throws RegistrationError `REGISTRATION_INVALID` that names the member
 */
export function parseRegistration(value: JsonValue): Registration {
  if (!isJsonObject(value)) throw invalid('a registration is a JSON object');
  const handle = text(value, 'handle', LIMITS.HANDLE_MAX);
  if (handle === null || handle.trim() === '') throw invalid('handle: required, and not empty');
  const kept = readHandle(handle);
  if (kept === undefined) throw invalid(`handle: ${HANDLE_RULE}`);
  return {
    handle: kept,
    displayName: text(value, 'display_name', LIMITS.DISPLAY_NAME_MAX),
    avatarUrl: text(value, 'avatar_url', LIMITS.AVATAR_URL_MAX),
    device: device(value),
  };
}

export function registrationToJson(registration: Registration): JsonObject {
  const { handle, displayName, avatarUrl, device: named } = registration;
  return {
    handle,
    display_name: displayName,
    avatar_url: avatarUrl,
    ...(named === undefined ? {} : { device_id: named.id, device_public: toHex(named.publicKey) }),
  };
}

/**
 * Writes a registration to the log.
 * @returns the id of the new user
 * @throws RegistrationError `REGISTRATION_TAKEN`
 */
export async function register(accounts: Accounts, registration: Registration): Promise<string> {
  const user = await accounts.register(registration);
  if (user === undefined) {
    const { handle, device: named } = registration;
    const what =
      named === undefined ? `the handle ${handle}` : `the handle ${handle} or the device id ${named.id}`;
    throw new RegistrationError('REGISTRATION_TAKEN', `${what} is taken`);
  }
  return user;
}

/** The accounts of a log that no server has open. */
export function accountsOf(log: EventLog, config: Config): Accounts {
  const { server, crypto } = config;
  return new Accounts({
    log,
    clock: systemClock,
    random: systemRandom,
    backend: sodiumBackend,
    authoritySeed: deriveAuthorityKey(sodiumBackend, loadFederationSeed(crypto, systemRandom)).privateKey,
    // The operator may.
    isSettled: () => false,
    policy: {
      autoApprove: server.autoApproveDevices,
      maxAutoDevices: server.maxAutoDevicesPerUser,
      domain: server.domain,
      profileChangesPerHour: config.limits.profileChanges,
    },
  });
}

function device(value: JsonObject): Registration['device'] {
  const id = text(value, 'device_id', LIMITS.DEVICE_ID_MAX);
  const key = text(value, 'device_public', 2 * LIMITS.KEY_BYTES);
  if (id === null && key === null) return undefined;
  if (id === null || key === null) throw invalid('device_id and device_public go together');
  if (!isDeviceId(id)) throw invalid(`device_id: ${DEVICE_ID_RULE}`);
  if (!/^[0-9a-f]{64}$/i.test(key)) {
    throw invalid(`device_public: expected ${2 * LIMITS.KEY_BYTES} hex digits, an Ed25519 public key`);
  }
  return { id, publicKey: fromHex(key) };
}

function text(object: JsonObject, key: string, maximum: number): string | null {
  const value = Object.hasOwn(object, key) ? object[key] : null;
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string') throw invalid(`${key}: expected a string`);
  if (value.length > maximum) throw invalid(`${key}: longer than ${maximum} characters`);
  return value;
}

function invalid(message: string): RegistrationError {
  return new RegistrationError('REGISTRATION_INVALID', message);
}
