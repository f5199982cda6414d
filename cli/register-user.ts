import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createDevice, FileDeviceStore, newDeviceState } from '../src/client/index.ts';
import type { Config } from '../src/config/index.ts';
import { askControlSocket, ControlTimeout, controlSocketProblem } from '../src/control-socket.ts';
import { openSegmentLog } from '../src/log/open-segment-log.ts';
import { recordHistory } from '../src/log/record-history.ts';
import { toHex } from '../src/protocol/bytes.ts';
import type { JsonObject } from '../src/protocol/json.ts';
import {
  accountsOf,
  parseRegistration,
  type Registration,
  register,
  registrationToJson,
} from '../src/registration.ts';
import { systemClock } from '../src/system/index.ts';
import { CommandError, EXIT, exitCodeOf } from './exit-codes.ts';
import { requireOwner } from './folder-owner.ts';

export interface RegisterOptions {
  readonly config: Config;
  readonly user: JsonObject;
  /** File for a new device of the user. */
  readonly newDevice: string | undefined;
}

export interface Registered {
  readonly userId: string;
  readonly registration: Registration;
  /** How it came into the log. */
  readonly through: 'server' | 'log';
}

/** Registers a user, and with `newDevice` a device whose key is created here and never leaves its file. */
export async function registerUser(options: RegisterOptions): Promise<Registered> {
  const { config, user, newDevice } = options;
  if (newDevice === undefined) return send(config, parseRegistration(user));
  const deviceId = typeof user.device_id === 'string' ? { deviceId: user.device_id } : {};
  const device = createDevice({ handle: String(user.handle), ...deviceId });
  const { deviceId: device_id, publicKey } = device;
  const registration = parseRegistration({ ...user, device_id, device_public: toHex(publicKey) });
  const store = new FileDeviceStore(newDevice);
  if ((await store.load()) !== undefined)
    throw new CommandError(EXIT.USAGE, `${newDevice} holds a device already`);
  // The key first: an account whose only key is lost is of no use to anybody.
  await store.save(newDeviceState(device));
  const registered = await send(config, registration).catch(async (error: unknown) => {
    // After a silence the account may exist, and this is its only key.
    if (!(error instanceof UnknownOutcome)) await rm(newDevice, { force: true });
    throw error;
  });
  await store.save(newDeviceState({ ...device, userId: registered.userId }));
  return registered;
}

/** Only the log knows: it says so as soon as the server, or its disk, answers again. */
class UnknownOutcome extends CommandError {
  constructor({ handle }: Registration, cause: ControlTimeout) {
    const ask = `commucat log show handle-${handle} says whether it was`;
    super(EXIT.UNREACHABLE, `it is not known whether ${handle} was registered; ${ask}`, { cause });
  }
}

async function send(config: Config, registration: Registration): Promise<Registered> {
  const { dataDir } = config.storage;
  const answer = await askControlSocket(dataDir, '/register', registrationToJson(registration)).catch(
    (cause: unknown) => {
      throw cause instanceof ControlTimeout ? new UnknownOutcome(registration, cause) : cause;
    },
  );
  if (answer === undefined) {
    // Nobody writes this log, so that we may.
    await requireOwner(dataDir);
    await using log = await openLog(config);
    // Before anything newer is written: what a new history skips depends on how old the log is.
    await recordHistory(log, systemClock, { cause: log.history.cause, newestAt: log.newestAt });
    return { userId: await register(accountsOf(log, config), registration), registration, through: 'log' };
  }
  const { status, body } = answer;
  if (status !== 201) throw new CommandError(EXIT.FAILURE, `the server refused: ${String(body.detail)}`);
  return { userId: String(body.user_id), registration, through: 'server' };
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
