import type { Random } from '../../ports/ports.ts';
import { fromHex, toHex } from '../../protocol/bytes.ts';
import { CRYPTO_LENGTHS, type CryptoBackend } from '../../protocol/crypto-backend.ts';
import {
  certificateFromJson,
  certificateToJson,
  type DeviceCertificate,
} from '../../protocol/identity/certificate.ts';
import { deriveDeviceKey } from '../../protocol/identity/keys.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../protocol/json/json.ts';
import { ClientError } from '../values/client-error.ts';

/** Who a device is. The private key is the whole secret of the device. */
export interface DeviceIdentity {
  readonly deviceId: string;
  /** Ed25519 seed, 32 bytes; also the scalar of the Noise static key (PROTOCOL.md 3.5, 3.6). */
  readonly privateKey: Uint8Array;
  /** Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Name of the account; the server creates it with the first device where its rules allow. */
  readonly handle: string;
  /** Known after the first connection. */
  readonly userId: string | undefined;
  /** What the server last issued. */
  readonly certificate: DeviceCertificate | undefined;
}

export interface CreateDeviceOptions {
  readonly random: Random;
  readonly backend: CryptoBackend;
  /** @default `device-` and 32 random hex digits */
  readonly deviceId?: string;
  /** @default the device id */
  readonly handle?: string;
}

const SEED_BYTES = 64;
const ID_BYTES = 16;

/** A new device with a fresh key. */
export function createDevice(options: CreateDeviceOptions): DeviceIdentity {
  const { random, backend } = options;
  const seed = random.bytes(SEED_BYTES);
  const { privateKey, publicKey } = deriveDeviceKey(backend, seed);
  seed.fill(0);
  const deviceId = options.deviceId ?? `device-${toHex(random.bytes(ID_BYTES))}`;
  const handle = options.handle ?? deviceId;
  return { deviceId, privateKey, publicKey, handle, userId: undefined, certificate: undefined };
}

/** The JSON form. It contains the private key. */
export function deviceToJson(device: DeviceIdentity): JsonObject {
  const { userId, certificate } = device;
  return {
    device_id: device.deviceId,
    private_key: toHex(device.privateKey),
    public_key: toHex(device.publicKey),
    handle: device.handle,
    ...(userId === undefined ? {} : { user_id: userId }),
    ...(certificate === undefined ? {} : { certificate: certificateToJson(certificate) }),
  };
}

/** The device in a value from `parseJson`. @throws ClientError code `CLIENT_OPTIONS` that names the field */
export function deviceFromJson(value: JsonValue | undefined): DeviceIdentity {
  if (!isJsonObject(value)) throw new ClientError('CLIENT_OPTIONS', 'a device is an object');
  const userId = value.user_id;
  return {
    deviceId: textOf(value, 'device_id'),
    privateKey: keyOf(value, 'private_key'),
    publicKey: keyOf(value, 'public_key'),
    handle: textOf(value, 'handle'),
    userId: typeof userId === 'string' ? userId : undefined,
    certificate: value.certificate === undefined ? undefined : certificateOf(value.certificate),
  };
}

function certificateOf(value: JsonValue): DeviceCertificate {
  try {
    return certificateFromJson(value);
  } catch (cause) {
    throw new ClientError('CLIENT_OPTIONS', 'certificate of a device is none', { cause });
  }
}

function textOf(object: JsonObject, key: string): string {
  const text = object[key];
  if (typeof text !== 'string') throw new ClientError('CLIENT_OPTIONS', `${key} of a device is a string`);
  return text;
}

/** A key of 32 bytes in hex. @throws ClientError code `CLIENT_OPTIONS` */
export function keyOf(object: JsonObject, key: string): Uint8Array {
  const text = textOf(object, key);
  if (!/^[0-9a-f]+$/i.test(text) || text.length !== 2 * CRYPTO_LENGTHS.KEY) {
    throw new ClientError('CLIENT_OPTIONS', `${key} of a device has ${2 * CRYPTO_LENGTHS.KEY} hex digits`);
  }
  return fromHex(text);
}
