import { Accounts } from '../actors/accounts/accounts.ts';
import type { Registered } from '../actors/accounts/registration-desk.ts';
import type { Config } from '../config/index.ts';
import { sodiumBackend } from '../crypto/index.ts';
import { loadFederationSeed } from '../keys/index.ts';
import type { EventLog } from '../log/event-log.ts';
import { toHex } from '../protocol/bytes.ts';
import { ControlError } from '../protocol/control/control-error.ts';
import { readDeviceId, readHints, readKey } from '../protocol/control/identity.ts';
import { CommuCatError } from '../protocol/frames/errors.ts';
import { HANDLE_RULE, readHandle } from '../protocol/identity/handle.ts';
import { deriveAuthorityKey } from '../protocol/identity/keys.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../protocol/json/json.ts';
import { systemClock, systemRandom } from '../system/index.ts';

/** A user that the operator registers, and a device of it where the key is known. */
export interface Registration {
  /** Of an account that must exist already: the device's file names it. */
  readonly userId: string | undefined;
  readonly handle: string;
  readonly displayName: string | null;
  readonly avatarUrl: string | null;
  readonly device: { readonly id: string; readonly publicKey: Uint8Array } | undefined;
}

/**
 * `REGISTRATION_INVALID`: the request breaks a rule of HELLO. `REGISTRATION_TAKEN`: the handle or the device id is in use, or
 * has another key. `REGISTRATION_UNKNOWN`: the account that it names does not exist here.
 */
export class RegistrationError extends CommuCatError {
  declare readonly code: 'REGISTRATION_INVALID' | 'REGISTRATION_TAKEN' | 'REGISTRATION_UNKNOWN';
}

/**
 * Checks the JSON form: `{handle, display_name?, avatar_url?, user_id?, device_id?, device_public?}`, the last two together,
 * by the rules that HELLO obeys (PROTOCOL.md 3.4, 3.7 for the key, 3.9 for the handle).
 * @throws RegistrationError `REGISTRATION_INVALID` that names the member
 */
export function parseRegistration(value: JsonValue): Registration {
  if (!isJsonObject(value)) throw invalid('a registration is a JSON object');
  try {
    const { id: userId, handle, displayName = null, avatarUrl = null } = readHints(value);
    const kept = handle === undefined ? undefined : readHandle(handle);
    if (kept === undefined) throw invalid(`handle: ${HANDLE_RULE}`);
    return { userId, handle: kept, displayName, avatarUrl, device: readDevice(value) };
  } catch (error) {
    if (error instanceof ControlError) throw invalid(error.message);
    throw error;
  }
}

export function registrationToJson(registration: Registration): JsonObject {
  const { userId, handle, displayName, avatarUrl, device: named } = registration;
  return {
    ...(userId === undefined ? {} : { user_id: userId }),
    handle,
    display_name: displayName,
    avatar_url: avatarUrl,
    ...(named === undefined ? {} : { device_id: named.id, device_public: toHex(named.publicKey) }),
  };
}

/**
 * Writes a registration to the log, or finds that the log has it: the same command has the same result however often it is
 * given, so that one whose answer was lost can be repeated.
 * @returns the account as it is now
 * @throws RegistrationError `REGISTRATION_TAKEN`, `REGISTRATION_UNKNOWN`
 */
export async function register(accounts: Accounts, registration: Registration): Promise<Registered> {
  const { userId, handle, device: named } = registration;
  const registered = await accounts.register(registration);
  if (registered !== undefined) return registered;
  if (userId !== undefined) {
    throw new RegistrationError(
      'REGISTRATION_UNKNOWN',
      `no account here has the id ${userId}, the handle ${handle} and this device: its file is of another server`,
    );
  }
  const what =
    named === undefined
      ? `the handle ${handle} is taken`
      : `the handle ${handle} or the device id ${named.id} is taken, or has another key`;
  throw new RegistrationError('REGISTRATION_TAKEN', what);
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

function readDevice(value: JsonObject): Registration['device'] {
  const isGiven = (key: string): boolean => (value[key] ?? null) !== null;
  if (!isGiven('device_id') && !isGiven('device_public')) return undefined;
  if (!isGiven('device_id') || !isGiven('device_public')) {
    throw invalid('device_id and device_public go together');
  }
  const [id, publicKey] = [readDeviceId(value), readKey(value, 'device_public')];
  // HELLO finds it by the proof, and nobody can prove that such a key is theirs.
  if (!sodiumBackend.ed25519IsKey(publicKey)) throw invalid(`device_public: ${keyFault(publicKey)}`);
  return { id, publicKey };
}

function keyFault(publicKey: Uint8Array): string {
  if (publicKey.every((byte) => byte === 0)) return 'all zero is no key';
  return 'no Ed25519 public key (not a canonical point of the prime-order group): no device could prove that it is its own';
}

function invalid(message: string): RegistrationError {
  return new RegistrationError('REGISTRATION_INVALID', message);
}
