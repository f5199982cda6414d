import type { Clock, Random } from '../ports/ports.ts';
import type { ByteArena } from '../protocol/byte-arena.ts';
import { fromHex } from '../protocol/bytes.ts';
import { CRYPTO_LENGTHS, type CryptoBackend } from '../protocol/crypto-backend.ts';
import { LIMITS } from '../protocol/limits.ts';
import type { NoisePattern } from '../protocol/noise/noise.ts';
import type { DeviceStore } from './device/device-store.ts';
import type { OutboundLimits } from './mail/outbound.ts';
import type { ReconnectOptions } from './session/backoff.ts';
import type { HandshakeSettings } from './session/handshake.ts';
import type { Transport } from './transports/transport.ts';
import { ClientError } from './values/client-error.ts';

/** Options that are the same on every platform. */
export interface SessionOptions {
  /** The server's configured domain, letter case included. */
  readonly domain: string;
  /** The server's Noise static public key: 32 bytes or 64 hex digits. */
  readonly serverStatic: Uint8Array | string;
  /** Keeps the device and how far it has come; must hold a device. */
  readonly store: DeviceStore;
  /** XK takes one round trip more and hides the device's key from whoever learns the server's key later. @default XK */
  readonly pattern?: NoisePattern;
  /** Capabilities to ask for. @default ['delivery-ack', 'resume'] */
  readonly capabilities?: readonly string[];
  /** Prologue of the Noise handshake; both sides must use the same. @default commucat */
  readonly prologue?: string;
  /** Profile hints, stored by the server at every handshake. */
  readonly displayName?: string;
  readonly avatarUrl?: string;
  /** `false`: the client ends with its first connection. @default {} */
  readonly reconnect?: ReconnectOptions | false;
  /** Milliseconds for DNS, TCP and TLS. @default 10000 */
  readonly connectTimeout?: number;
  /** Milliseconds from HELLO to the handshake's ACK. @default 15000 */
  readonly handshakeTimeout?: number;
  /** Frames, and bytes of payload, that may be without an answer; further sends wait. */
  readonly maxUnacknowledged?: {
    /** At most 256: so many refusals the server remembers for the next connection. @default 64 */
    readonly frames?: number;
    /** @default 1048576 */
    readonly bytes?: number;
    /** Sends that may wait for room; more are rejected. @default 1024 */
    readonly waiting?: number;
  };
  /** Bytes in the network's queue above which `voice`, `video` and `typing` drop their frames. @default 262144 */
  readonly maxLiveBacklog?: number;
  /** Where records are built and opened; sharing one keeps many clients of one process small. @default one of its own */
  readonly arena?: ByteArena;
  /** Ends the client at once, whatever it is doing. */
  readonly signal?: AbortSignal;
}

/** What the platform provides. */
export interface Platform {
  readonly transport: Transport;
  /** Its timers should keep the process alive, or a program may end while its client waits to reconnect. */
  readonly clock: Clock;
  readonly random: Random;
  readonly backend: CryptoBackend;
  /** Is told what a listener threw when there is no listener of `error` that could be. @default nobody is told */
  readonly report?: (error: ClientError) => void;
}

/** Everything that a client needs, the parts of its platform included. */
export type ClientOptions = SessionOptions & Platform;

/** What the options are when they are not given. */
export const DEFAULTS = {
  connectTimeout: 10_000,
  handshakeTimeout: 15_000,
  maxFrames: 64,
  maxBytes: 1_048_576,
  maxWaiting: 1024,
  maxLiveBacklog: 262_144,
  closeDeadline: 5000,
  prologue: 'commucat',
  pattern: 'XK',
  capabilities: ['delivery-ack', 'resume'],
} as const;

/** What the handshake needs of the options. @throws ClientError code `CLIENT_OPTIONS` */
export function handshakeSettings(options: ClientOptions): HandshakeSettings {
  return {
    pattern: options.pattern ?? DEFAULTS.pattern,
    domain: options.domain,
    serverStatic: serverKey(options),
    prologue: options.prologue ?? DEFAULTS.prologue,
    capabilities: options.capabilities ?? DEFAULTS.capabilities,
    displayName: options.displayName,
    avatarUrl: options.avatarUrl,
  };
}

/** How much may be without an answer. @throws ClientError code `CLIENT_OPTIONS` */
export function outboundLimits({ maxUnacknowledged: most = {} }: SessionOptions): OutboundLimits {
  const { frames = DEFAULTS.maxFrames, bytes = DEFAULTS.maxBytes, waiting = DEFAULTS.maxWaiting } = most;
  if (!Number.isInteger(frames) || frames < 1 || frames > LIMITS.REMEMBERED_REFUSALS) {
    const text = `maxUnacknowledged.frames is an integer from 1 to ${LIMITS.REMEMBERED_REFUSALS}`;
    throw new ClientError('CLIENT_OPTIONS', text);
  }
  return { frames, bytes, waiting };
}

function serverKey({ serverStatic, backend }: ClientOptions): Uint8Array {
  const key = typeof serverStatic === 'string' ? hexKey(serverStatic) : serverStatic;
  if (!(key instanceof Uint8Array) || key.length !== CRYPTO_LENGTHS.KEY) {
    throw new ClientError('CLIENT_OPTIONS', 'serverStatic has 32 bytes');
  }
  try {
    // Points of small order give a secret that everybody knows; the handshake would refuse them in the middle.
    backend.x25519(new Uint8Array(CRYPTO_LENGTHS.KEY).fill(1), key);
  } catch (cause) {
    throw new ClientError('CLIENT_OPTIONS', 'serverStatic is no public key of X25519', { cause });
  }
  return key;
}

function hexKey(text: string): Uint8Array {
  try {
    return fromHex(text);
  } catch (cause) {
    throw new ClientError('CLIENT_OPTIONS', 'serverStatic is not hex', { cause });
  }
}
