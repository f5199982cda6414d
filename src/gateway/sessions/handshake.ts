import type { NoiseKey, NoiseKeyring } from '../../keys/index.ts';
import type { Random } from '../../ports/ports.ts';
import { equalBytes } from '../../protocol/bytes.ts';
import {
  frameShape,
  HandshakeMessageError,
  type HelloMessage,
  parseClientAuth,
  parseHello,
} from '../../protocol/control/index.ts';
import type { CryptoBackend } from '../../protocol/crypto-backend.ts';
import { decodeErrorPayload, handshakeErrorPayload, REFUSAL_REASON } from '../../protocol/frames/errors.ts';
import type { Frame } from '../../protocol/frames/frame.ts';
import { FRAME, frameTypeOf } from '../../protocol/frames/frame-types.ts';
import {
  CertificateError,
  certificateFromJson,
  type DeviceCertificate,
} from '../../protocol/identity/certificate.ts';
import { verifyDeviceKeyProof } from '../../protocol/identity/proof.ts';
import { isJsonObject, JsonError, type JsonValue, LEAF, parseJson } from '../../protocol/json/json.ts';
import { LIMITS } from '../../protocol/limits.ts';
import { type HandshakeResult, HandshakeState } from '../../protocol/noise/noise.ts';
import { NoiseError } from '../../protocol/noise/noise-error.ts';
import type {
  EstablishedFacts,
  HandshakeRefusal,
  HelloFacts,
  Resolution,
  SessionNumber,
} from '../../relay-port/relay-port.ts';
import { generationOf } from './generation.ts';
import {
  acknowledgementPayload,
  authPayload,
  identityPayload,
  refusalPayload,
} from './handshake-payloads.ts';
import { keepaliveInterval } from './keepalive-interval.ts';

/** What the server brings to each handshake. */
export interface ServerIdentity {
  readonly backend: CryptoBackend;
  readonly random: Random;
  readonly keyring: NoiseKeyring;
  readonly domain: string;
  readonly prologue: Uint8Array;
  /** The setting `server.keepalive`, in seconds. */
  readonly keepalive: number;
  /** The setting `compat.plaintext_clients`. */
  readonly plaintextClients: boolean;
}

/** The handshake is over: `payload` is the ERROR for the peer, `reason` a stable word for metrics and the log. */
export class Refused extends Error {
  readonly payload: Uint8Array;
  readonly reason: string;

  constructor(payload: Uint8Array, reason: string, cause?: unknown) {
    super(reason, { cause });
    this.payload = payload;
    this.reason = reason;
  }
}

/**
 * The server's side of HELLO, AUTH, AUTH, ACK without its input and output: each method takes what arrived and returns what
 * to do, or throws Refused. Call them in the order `hello`, `auth`, `proof`, `acknowledgement`. PROTOCOL.md 3.
 */
export class Handshake {
  readonly #identity: ServerIdentity;
  #hello: HelloMessage | undefined;
  #noise: HandshakeState | undefined;
  #key: NoiseKey | undefined;

  constructor(identity: ServerIdentity) {
    this.#identity = identity;
  }

  get pattern(): 'XK' | 'IK' | 'unknown' {
    return this.#hello?.pattern ?? 'unknown';
  }

  /** Judges the first frame, in the order of checks of PROTOCOL.md 3.4. Changes nothing outside. */
  hello(frame: Frame, session: SessionNumber, userAgent: string): HelloFacts {
    const value = this.#json(frame, FRAME.HELLO);
    const hello = readForm(() => parseHello(value), 'hello_form');
    this.#hello = hello;
    const { backend, domain, plaintextClients } = this.#identity;
    const { deviceId, devicePublic, clientStatic, proof, user } = hello;
    if (!verifyDeviceKeyProof(backend, { domain, deviceId, devicePublic, clientStatic, proof })) {
      throw this.refused('invalid request', 'proof');
    }
    const key = this.#readMessage1(hello);
    const certificate = certificateOf(hello);
    return {
      session,
      deviceId,
      devicePublic,
      clientStatic,
      pattern: hello.pattern,
      capabilities: hello.capabilities,
      userId: user.id,
      handle: user.handle,
      displayName: user.displayName,
      avatarUrl: user.avatarUrl,
      certificate,
      generation: generationOf(hello, userAgent, plaintextClients),
      noiseKeyVersion: key.version,
    };
  }

  /** The payload of our AUTH, with Noise message 2 in it. */
  auth(resolution: Extract<Resolution, { ok: true }>): Uint8Array {
    const { hello, noise, key } = this.#begun();
    const { sessionToken, user } = resolution;
    try {
      const message2 = noise.writeMessage(identityPayload(this.#identity.domain, sessionToken, user));
      return authPayload(hello.deviceId, sessionToken, key.keyPair.publicKey, message2);
    } catch (cause) {
      if (cause instanceof NoiseError) throw cryptoFailure('noise_message_2', cause);
      throw cause;
    }
  }

  /** Judges the second frame; the ciphers it returns belong to a peer that has proved its Noise key. */
  proof(frame: Frame): HandshakeResult {
    const { hello, noise } = this.#begun();
    const value = this.#json(frame, FRAME.AUTH);
    const message3 = readForm(() => readMessage3(hello, value), 'auth_form');
    try {
      // IK is finished after message 2; a third message there fails as in the reference. PROTOCOL.md 3.5.
      if (hello.pattern === 'XK' || message3.length > 0) noise.readMessage(message3);
      const result = noise.split();
      requireStatic(hello, result.remoteStatic);
      return result;
    } catch (cause) {
      if (cause instanceof NoiseError) throw cryptoFailure('noise_message_3', cause);
      throw cause;
    }
  }

  /** The payload of the handshake ACK. */
  acknowledgement(established: EstablishedFacts, ticket: string): Uint8Array {
    const { keyring, keepalive } = this.#identity;
    return acknowledgementPayload({
      established,
      ticket,
      usedKey: this.#begun().key,
      activeKeys: keyring.active(),
      keepaliveSeconds: keepaliveInterval(keepalive),
    });
  }

  /** The end of a handshake whose HELLO was understood. `reason`: a stable word for metrics and the log. */
  refused(refusal: HandshakeRefusal, reason: string): Refused {
    const asked = this.#hello?.capabilities.includes(REFUSAL_REASON) ?? false;
    return new Refused(refusalPayload(refusal, reason, asked), reason);
  }

  /** Erases the Noise keys of a handshake that is given up. Ciphers that `proof` returned live on. */
  destroy(): void {
    this.#noise?.destroy();
  }

  /** Tries the active keys, newest first; the first that decrypts message 1 is the session's. PROTOCOL.md 3.5. */
  #readMessage1(hello: HelloMessage): NoiseKey {
    const { backend, random, prologue, keyring } = this.#identity;
    for (const key of keyring.active()) {
      const options = { backend, random, pattern: hello.pattern, initiator: false, prologue };
      const noise = new HandshakeState({ ...options, staticKey: key.keyPair });
      try {
        noise.readMessage(hello.handshake);
      } catch (error) {
        if (error instanceof NoiseError) continue;
        throw error;
      }
      const { remoteStatic } = noise;
      // IK shows the client's key at once: no reason to let a borrowed proof get any further. PROTOCOL.md 9, Q-03.
      if (remoteStatic !== undefined) requireStatic(hello, remoteStatic);
      this.#noise = noise;
      this.#key = key;
      return key;
    }
    throw this.refused('invalid request', 'noise_message_1');
  }

  /** A payload that is no JSON is a decode error, whatever frame was expected: the reference decodes first. */
  #json(frame: Frame, expected: number): JsonValue {
    const value = frameTypeOf(frame.type)?.payload === 'json' ? jsonOf(frame) : null;
    if (frame.type !== expected) throw invalidRequest('unexpected_frame');
    return value;
  }

  #begun(): { hello: HelloMessage; noise: HandshakeState; key: NoiseKey } {
    if (this.#hello === undefined || this.#noise === undefined || this.#key === undefined) {
      throw new Error('the handshake has no HELLO yet');
    }
    return { hello: this.#hello, noise: this.#noise, key: this.#key };
  }
}

function jsonOf(frame: Frame): JsonValue {
  try {
    return parseJson(frame.payload, frameShape(frame.type), LIMITS.MAX_HANDSHAKE_DEPTH);
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause;
    // Deeper than a handshake may be, but JSON: a request that is wrong, not bytes that cannot be read.
    if (isJson(frame.payload)) throw invalidRequest('too_deep', cause);
    throw new Refused(decodeErrorPayload(), 'decode', cause);
  }
}

/** Whether the bytes are JSON by the rules of every frame; nothing is built of them. */
function isJson(payload: Uint8Array): boolean {
  try {
    parseJson(payload, LEAF);
    return true;
  } catch (error) {
    if (error instanceof JsonError) return false;
    throw error;
  }
}

function readMessage3(hello: HelloMessage, value: JsonValue): Uint8Array {
  const absent = hello.pattern === 'IK' && isJsonObject(value) && !Object.hasOwn(value, 'handshake');
  return absent ? new Uint8Array(0) : parseClientAuth(value).handshake;
}

function certificateOf(hello: HelloMessage): DeviceCertificate | undefined {
  if (hello.certificate === undefined) return undefined;
  try {
    return certificateFromJson(hello.certificate);
  } catch (cause) {
    if (cause instanceof CertificateError) throw invalidRequest('certificate_form', cause);
    throw cause;
  }
}

/** The proof is bound to `client_static`; only this check binds `client_static` to the tunnel. PROTOCOL.md 9, Q-03. */
function requireStatic(hello: HelloMessage, remoteStatic: Uint8Array): void {
  if (!equalBytes(remoteStatic, hello.clientStatic)) throw invalidRequest('static_key');
}

function readForm<T>(read: () => T, reason: string): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof HandshakeMessageError) {
      throw new Refused(handshakeErrorPayload(cause.detail), reason, cause);
    }
    throw cause;
  }
}

function invalidRequest(reason: string, cause?: unknown): Refused {
  return new Refused(handshakeErrorPayload('invalid request'), reason, cause);
}

function cryptoFailure(reason: string, cause: unknown): Refused {
  return new Refused(handshakeErrorPayload('crypto failure'), reason, cause);
}
