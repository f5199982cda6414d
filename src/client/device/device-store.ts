import { equalBytes, toHex } from '../../protocol/bytes.ts';
import { CRYPTO_LENGTHS, type CryptoBackend } from '../../protocol/crypto-backend.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../protocol/json/json.ts';
import { ClientError } from '../values/client-error.ts';
import { type DeviceIdentity, deviceFromJson, deviceToJson, keyOf } from './device.ts';

/** What a device keeps between two runs of a program: for one server, one store per device. */
export interface DeviceState {
  readonly device: DeviceIdentity;
  /**
   * No upstream sequence above this one was ever used (PROTOCOL.md 11.3). Reserved in blocks: after a restart the
   * numbers go on behind it, so that a new frame can never be taken for one that is still on its way.
   */
  readonly sequence: number;
  /** Highest inbox number whose frame, and every one before it, the application has processed (PROTOCOL.md 11.2). */
  readonly processed: number | undefined;
  /** The history of the server's log that `processed` belongs to; undefined while no server has named one. */
  readonly epoch?: string | undefined;
  /** What the server gave the device to show with its next request; it only saves waiting (PROTOCOL.md 2.1). */
  readonly ticket?: string | undefined;
  /** Ed25519 key of the server's device authority, pinned on first use. */
  readonly authority: Uint8Array | undefined;
}

/**
 * Keeps a DeviceState. `save` is complete when the state would survive a crash; only then is a message confirmed to
 * the server. The client never calls it while a former call runs.
 */
export interface DeviceStore {
  load(): Promise<DeviceState | undefined>;
  /** Returning nothing means that the state is kept already. */
  save(state: DeviceState): Promise<void> | undefined;
}

/** The state of a device that has never connected. */
export function newDeviceState(device: DeviceIdentity): DeviceState {
  return {
    device,
    sequence: 0,
    processed: undefined,
    epoch: undefined,
    ticket: undefined,
    authority: undefined,
  };
}

/**
 * What a store holds, fit for a handshake.
 *
 * @throws ClientError code `CLIENT_OPTIONS`, or whatever the store throws
 */
export async function loadDevice(store: DeviceStore, backend: CryptoBackend): Promise<DeviceState> {
  const state = await store.load();
  if (state === undefined) throw new ClientError('CLIENT_OPTIONS', 'the store holds no device');
  const { privateKey, publicKey } = state.device;
  if (
    privateKey.length !== CRYPTO_LENGTHS.KEY ||
    !equalBytes(backend.ed25519Signer(privateKey).publicKey, publicKey)
  ) {
    throw new ClientError('CLIENT_OPTIONS', "the device's keys do not belong together");
  }
  return state;
}

/** For tests, load generators, and devices that live as long as their process. */
export class MemoryDeviceStore implements DeviceStore {
  #state: DeviceState | undefined;

  constructor(device?: DeviceIdentity) {
    this.#state = device === undefined ? undefined : newDeviceState(device);
  }

  async load(): Promise<DeviceState | undefined> {
    return this.#state;
  }

  save(state: DeviceState): undefined {
    this.#state = state;
  }
}

/** The JSON form of a state. It contains the private key of the device. */
export function deviceStateToJson(state: DeviceState): JsonObject {
  return {
    device: deviceToJson(state.device),
    sequence: state.sequence,
    ...(state.processed === undefined ? {} : { processed: state.processed }),
    ...(state.epoch === undefined ? {} : { epoch: state.epoch }),
    ...(state.ticket === undefined ? {} : { ticket: state.ticket }),
    ...(state.authority === undefined ? {} : { authority: toHex(state.authority) }),
  };
}

/** @throws ClientError code `CLIENT_OPTIONS` when the value is no state */
export function deviceStateFromJson(value: JsonValue): DeviceState {
  if (!isJsonObject(value)) throw new ClientError('CLIENT_OPTIONS', 'a device state is an object');
  const { authority } = value;
  return {
    device: deviceFromJson(value.device),
    sequence: serialOf(value, 'sequence') ?? 0,
    processed: serialOf(value, 'processed'),
    epoch: optionalText(value, 'epoch'),
    ticket: optionalText(value, 'ticket'),
    authority: authority === undefined ? undefined : keyOf(value, 'authority'),
  };
}

function optionalText(object: JsonObject, key: string): string | undefined {
  const value = object[key];
  if (value === undefined || typeof value === 'string') return value;
  throw new ClientError('CLIENT_OPTIONS', `${key} of a device state is a string`);
}

function serialOf(object: JsonObject, key: string): number | undefined {
  const value = object[key];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || value >>> 0 !== value) {
    throw new ClientError('CLIENT_OPTIONS', `${key} of a device state is an integer from 0 to 2^32-1`);
  }
  return value;
}
