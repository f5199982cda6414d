import { type EventOf, STREAMS } from '../../events/streams.ts';
import type { EventLog, StreamAppend } from '../../log/event-log.ts';
import { LogError } from '../../log/log-error.ts';
import type { Random } from '../../ports/ports.ts';
import { toHex } from '../../protocol/bytes.ts';
import { handleKey } from '../../protocol/identity/handle.ts';
import type { UserSnapshot } from '../../relay-port/relay-port.ts';
import { SerialQueue } from '../runtime/serial-queue.ts';
import type { AccountReader } from './account-reader.ts';

/** Bytes of a user id; hex on the wire. */
const ID_BYTES = 32;
/** How often a registration looks again when the log has moved on. */
const ATTEMPTS = 3;

/** What an operator asks for; its form has been checked. */
export interface RegisterRequest {
  /** Of a user that must exist already. */
  readonly userId: string | undefined;
  readonly handle: string;
  readonly displayName: string | null;
  readonly avatarUrl: string | null;
  readonly device: { readonly id: string; readonly publicKey: Uint8Array } | undefined;
}

export interface Registered {
  readonly user: UserSnapshot;
  /** It was registered before: nothing was written. */
  readonly before: boolean;
}

export interface RegistrationDeskOptions {
  readonly log: EventLog;
  readonly random: Random;
  readonly policy: { readonly domain: string };
}

/**
 * Registers users and devices by the operator's word. What is registered already is found and stays as it is: a user with the
 * very device and key; without a device one that has none, which only an operator makes.
 */
export class RegistrationDesk {
  readonly #options: RegistrationDeskOptions;
  readonly #reader: AccountReader;
  readonly #queue = new SerialQueue<'registration'>();

  constructor(options: RegistrationDeskOptions, reader: AccountReader) {
    this.#options = options;
    this.#reader = reader;
  }

  /** `undefined`: the handle or the device id is taken, or the named user is not there. */
  register(request: RegisterRequest): Promise<Registered | undefined> {
    // One after another: the same command, given again while the disk still takes its time, finds what the first one wrote.
    return this.#queue.run('registration', () => this.#register(request));
  }

  async #register(request: RegisterRequest): Promise<Registered | undefined> {
    const { handle, device, userId } = request;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const owner = await this.#reader.ownerOf(handle);
      if (owner !== undefined) return this.#registeredBefore(owner, request);
      if (userId !== undefined) return undefined;
      if (device !== undefined && (await this.#reader.device(device.id)).state !== undefined) {
        return undefined;
      }
      const user = toHex(this.#options.random.bytes(ID_BYTES));
      try {
        await this.#options.log.append(this.#registration(user, request));
        const { displayName, avatarUrl } = request;
        return { user: { id: user, handle, displayName, avatarUrl }, before: false };
      } catch (error) {
        if (!(error instanceof LogError && error.code === 'LOG_WRONG_REVISION')) throw error;
      }
    }
    return undefined;
  }

  async #registeredBefore(
    owner: string,
    { userId, device }: RegisterRequest,
  ): Promise<Registered | undefined> {
    const user = await this.#reader.user(owner);
    if (user === undefined || (userId !== undefined && userId !== user.id)) return undefined;
    const { devices, ...snapshot } = user;
    if (device === undefined) return devices.size === 0 ? { user: snapshot, before: true } : undefined;
    const { state } = await this.#reader.device(device.id);
    const isSame = state?.user === user.id && state.publicKey === toHex(device.publicKey);
    return isSame ? { user: snapshot, before: true } : undefined;
  }

  #registration(
    user: string,
    { handle, displayName, avatarUrl, device }: RegisterRequest,
  ): readonly StreamAppend[] {
    const { domain } = this.#options.policy;
    const facts: EventOf<'user'>[] = [
      { type: 'user.registered', user, handle, domain, displayName, avatarUrl },
    ];
    const devices: StreamAppend[] = [];
    if (device !== undefined) {
      const { id } = device;
      const publicKey = toHex(device.publicKey);
      facts.push({ type: 'user.device_added', device: id });
      const registered = { type: 'device.registered', device: id, user, publicKey, by: 'operator' } as const;
      devices.push(STREAMS.device.append(id, 'no-stream', [registered]));
    }
    return [
      STREAMS.handle.append(handleKey(handle), 'no-stream', [{ type: 'handle.reserved', user }]),
      STREAMS.user.append(user, 'no-stream', facts),
      ...devices,
    ];
  }
}
