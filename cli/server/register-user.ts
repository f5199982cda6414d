import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createDevice, type DeviceState, FileDeviceStore, newDeviceState } from '../../src/client/index.ts';
import type { Config } from '../../src/config/index.ts';
import { openSegmentLog } from '../../src/log/segments/open-segment-log.ts';
import { recordHistory } from '../../src/log/segments/upkeep/record-history.ts';
import {
  askControlSocket,
  ControlUnanswered,
  controlSocketProblem,
} from '../../src/operator/control-socket.ts';
import {
  accountsOf,
  parseRegistration,
  type Registration,
  RegistrationError,
  register,
  registrationToJson,
} from '../../src/operator/registration.ts';
import { toHex } from '../../src/protocol/bytes.ts';
import { handleKey } from '../../src/protocol/identity/handle.ts';
import type { JsonObject } from '../../src/protocol/json/json.ts';
import { systemClock } from '../../src/system/index.ts';
import { CommandError, EXIT, exitCodeOf } from '../kit/exit-codes.ts';
import { requireOwner } from '../kit/folder-owner.ts';

export interface RegisterOptions {
  readonly config: Config;
  readonly user: JsonObject;
  /** File for a new device of the user. */
  readonly newDevice: string | undefined;
}

/** The account as the log has it now. */
export interface RegisteredUser {
  readonly userId: string;
  readonly handle: string;
  readonly displayName: string | null;
  readonly avatarUrl: string | null;
  readonly deviceId: string | undefined;
  /** It was registered before, with the same key: nothing was written. */
  readonly before: boolean;
}

/**
 * Registers a user, and with `newDevice` a device whose key is created here and never leaves its file. The same command can be
 * repeated: it goes on with the key that lies in the file, and finds what is registered.
 */
export async function registerUser(options: RegisterOptions): Promise<RegisteredUser> {
  const { config, user, newDevice } = options;
  if (newDevice === undefined) return send(config, parseRegistration(user));
  const store = new FileDeviceStore(newDevice);
  const { state, isNew } = await deviceIn(
    store,
    parseRegistration({ handle: user.handle ?? null }),
    user.device_id,
  );
  const { deviceId: device_id, publicKey, userId: user_id } = state.device;
  const registration = parseRegistration({
    ...user,
    ...(user_id === undefined ? {} : { user_id }),
    device_id,
    device_public: toHex(publicKey),
  });
  // The key first: an account whose only key is lost is of no use to anybody.
  if (isNew) await store.save(state);
  const registered = await send(config, registration).catch(async (error: unknown) => {
    // Where the account may exist, this is its only key.
    if (isNew && !(error instanceof UnknownOutcome)) await rm(newDevice, { force: true });
    throw error;
  });
  const { userId } = registered;
  // A file that is finished may be in use.
  if (user_id !== userId) await store.save({ ...state, device: { ...state.device, userId } });
  return registered;
}

/** The device in the file when it is the one that is asked for, else a new one. */
async function deviceIn(
  store: FileDeviceStore,
  { handle }: Registration,
  deviceId: JsonObject[string] | undefined,
): Promise<{ readonly state: DeviceState; readonly isNew: boolean }> {
  const state = await store.load();
  const named = typeof deviceId === 'string' ? { deviceId } : {};
  if (state === undefined) return { state: newDeviceState(createDevice({ handle, ...named })), isNew: true };
  const { device } = state;
  const isSame = handleKey(device.handle) === handleKey(handle);
  if (isSame && (named.deviceId ?? device.deviceId) === device.deviceId) return { state, isNew: false };
  const whose = `the device ${device.deviceId} of ${device.handle}`;
  throw new CommandError(EXIT.USAGE, `${store.path} holds ${whose} already: name another file`);
}

/** Only the log knows, and says so as soon as the server, or its disk, answers again. */
class UnknownOutcome extends CommandError {
  constructor({ handle }: Registration, exitCode: number, cause: unknown) {
    const advice = 'repeat the same command, it ends the same either way';
    super(exitCode, `it is not known whether ${handle} was registered (${advice})`, { cause });
  }
}

async function send(config: Config, registration: Registration): Promise<RegisteredUser> {
  const { dataDir } = config.storage;
  const deviceId = registration.device?.id;
  const answer = await askControlSocket(dataDir, '/register', registrationToJson(registration)).catch(
    (cause: unknown) => {
      if (cause instanceof ControlUnanswered) throw new UnknownOutcome(registration, EXIT.UNREACHABLE, cause);
      throw cause;
    },
  );
  if (answer === undefined) {
    const { user, before } = await writeToLog(config, registration);
    const { id: userId, ...facts } = user;
    return { userId, ...facts, deviceId, before };
  }
  const { status, body } = answer;
  if (status !== 200 && status !== 201) {
    const refusal = new CommandError(EXIT.FAILURE, `the server refused: ${String(body.detail)}`);
    // What a disk has refused may be on it all the same.
    throw status < 500 ? refusal : new UnknownOutcome(registration, EXIT.FAILURE, refusal);
  }
  const text = (key: string): string | null => (typeof body[key] === 'string' ? body[key] : null);
  return {
    userId: String(body.user_id),
    handle: text('handle') ?? registration.handle,
    displayName: text('display_name'),
    avatarUrl: text('avatar_url'),
    deviceId,
    before: status === 200,
  };
}

/** Nobody writes this log, so that we may. */
async function writeToLog(config: Config, registration: Registration): ReturnType<typeof register> {
  await requireOwner(config.storage.dataDir);
  await using log = await openLog(config);
  // Before anything newer is written: what a new history skips depends on how old the log is.
  await recordHistory(log, systemClock, { cause: log.history.cause, newestAt: log.newestAt });
  return await register(accountsOf(log, config), registration).catch((cause: unknown) => {
    if (cause instanceof RegistrationError) throw cause;
    throw new UnknownOutcome(registration, exitCodeOf(cause), cause);
  });
}

async function openLog({ log, storage: { dataDir } }: Config): ReturnType<typeof openSegmentLog> {
  try {
    return await openSegmentLog({
      directory: join(dataDir, 'log'),
      clock: systemClock,
      segmentSize: log.segmentBytes,
    });
  } catch (cause) {
    const problem = controlSocketProblem(dataDir);
    if (problem === undefined) throw cause;
    throw new CommandError(exitCodeOf(cause), problem, { cause });
  }
}
