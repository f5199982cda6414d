import type { Random } from '../../ports/ports.ts';
import { equalBytes, toHex, utf8 } from '../../protocol/bytes.ts';
import { CRYPTO_LENGTHS, type CryptoBackend } from '../../protocol/crypto-backend.ts';
import { CommuCatError, REFUSAL_REASON } from '../../protocol/frames/errors.ts';
import { encodeFrame, type Frame } from '../../protocol/frames/frame.ts';
import { FRAME } from '../../protocol/frames/frame-types.ts';
import {
  certificateFromJson,
  type DeviceCertificate,
  verifyCertificate,
} from '../../protocol/identity/certificate.ts';
import { noiseStaticFromDeviceKey } from '../../protocol/identity/keys.ts';
import { proofToJson, proveDeviceKey } from '../../protocol/identity/proof.ts';
import { encodeJson, isJsonObject, type JsonObject, type JsonValue } from '../../protocol/json/json.ts';
import { SUPPORTED_VERSIONS } from '../../protocol/limits.ts';
import { type HandshakeResult, HandshakeState, type NoisePattern } from '../../protocol/noise/noise.ts';
import type { DeviceIdentity } from '../device/device.ts';
import { ClientError, type ClientErrorCode } from '../values/client-error.ts';
import { type JsonDocument, plainDocument } from '../values/plain-json.ts';
import { bytesMember, objectOf, textMember, wireErrorOf, wireErrorText } from '../values/wire-values.ts';
import { type InboxFacts, inboxOf, type ResumeFacts, resumeOf } from './session-facts.ts';

export interface HandshakeSettings {
  readonly pattern: NoisePattern;
  /** The server's configured domain, letter case included: the proof is bound to it. */
  readonly domain: string;
  /** The server's Noise static public key, 32 bytes. */
  readonly serverStatic: Uint8Array;
  readonly prologue: string;
  readonly capabilities: readonly string[];
  readonly displayName: string | undefined;
  readonly avatarUrl: string | undefined;
}

export interface HandshakeParts {
  readonly settings: HandshakeSettings;
  readonly device: DeviceIdentity;
  /** Device authority of the server that was seen before; another one is refused. */
  readonly authority: Uint8Array | undefined;
  readonly backend: CryptoBackend;
  readonly random: Random;
}

/** What the handshake's ACK says (PROTOCOL.md 3.10, 11). Plain JSON. */
export interface SessionFacts {
  /** Id of the session and bearer token of the REST interface: a secret. */
  readonly session: string;
  readonly userId: string;
  readonly user: JsonDocument | undefined;
  /** The capabilities in force. */
  readonly capabilities: readonly string[];
  /** Where this device's mail stands, with the capability `delivery-ack` (PROTOCOL.md 11.2). */
  readonly inbox: InboxFacts | undefined;
  /** What has become of this device's frames, with the capability `resume` (PROTOCOL.md 11.3). */
  readonly resume: ResumeFacts | undefined;
  readonly pairingRequired: boolean;
  /** The whole ACK, for what is not listed here. */
  readonly acknowledgement: JsonDocument;
}

export interface EstablishedStep {
  readonly kind: 'established';
  /** Plain JSON, for the application. */
  readonly facts: SessionFacts;
  /** For the device's store. */
  readonly issued: {
    readonly certificate: DeviceCertificate | undefined;
    /** Ed25519 key of the device authority. */
    readonly authority: Uint8Array | undefined;
    /** To show with the next request (PROTOCOL.md 2.1). */
    readonly ticket: string | undefined;
  };
  readonly noise: HandshakeResult;
}

export type HandshakeStep = { readonly kind: 'send'; readonly bytes: Uint8Array } | EstablishedStep;

const HELLO_SEQUENCE = 1;
const AUTH_SEQUENCE = 2;
/** Texts behind which a fault of the server's own stands (PROTOCOL.md 3.12): another attempt may succeed. */
const TRANSIENT = ['storage failure', 'ledger failure', 'federation failure', 'io failure', 'codec failure'];

/** The client's side of HELLO, AUTH, AUTH, ACK (PROTOCOL.md 3) as a function of the frames that arrive. */
export class ClientHandshake {
  readonly #parts: HandshakeParts;
  readonly #noise: HandshakeState;
  readonly #clientStatic: Uint8Array;
  #session: string | undefined;
  #awaiting: 'auth' | 'ack' = 'auth';

  constructor(parts: HandshakeParts) {
    const { backend, random, settings, device } = parts;
    this.#parts = parts;
    const staticKey = noiseStaticFromDeviceKey(backend, device.privateKey);
    this.#clientStatic = staticKey.publicKey;
    this.#noise = new HandshakeState({
      backend,
      random,
      pattern: settings.pattern,
      initiator: true,
      prologue: utf8(settings.prologue),
      staticKey,
      remoteStatic: settings.serverStatic,
    });
  }

  /**
   * The first frame: HELLO with Noise message 1. Without the device's certificate: the server knows what it has issued,
   * and a copy could only be refused, by a clock that is wrong.
   */
  hello(): Uint8Array {
    const { backend, random, settings, device } = this.#parts;
    const statement = {
      domain: settings.domain,
      deviceId: device.deviceId,
      devicePublic: device.publicKey,
      clientStatic: this.#clientStatic,
    };
    const hello = {
      supported_versions: SUPPORTED_VERSIONS,
      pattern: settings.pattern,
      device_id: device.deviceId,
      client_static: toHex(this.#clientStatic),
      device_public: toHex(device.publicKey),
      handshake: toHex(this.#noise.writeMessage()),
      zkp: proofToJson(proveDeviceKey(backend, random, device.privateKey, statement)),
      capabilities: [...settings.capabilities, REFUSAL_REASON],
      user: {
        ...(device.userId === undefined ? {} : { id: device.userId }),
        handle: device.handle,
        ...(settings.displayName === undefined ? {} : { display_name: settings.displayName }),
        ...(settings.avatarUrl === undefined ? {} : { avatar_url: settings.avatarUrl }),
      },
    };
    return encodeFrame(FRAME.HELLO, 0, HELLO_SEQUENCE, encodeJson(hello));
  }

  /** Handles the next frame of the server. @throws ClientError, after which the connection must be dropped */
  read(frame: Frame): HandshakeStep {
    try {
      if (frame.type === FRAME.ERROR) throw refusal(objectOf(frame));
      if (this.#awaiting === 'auth' && frame.type === FRAME.AUTH) return this.#readAuth(frame);
      if (this.#awaiting === 'ack' && frame.type === FRAME.ACK) return this.#readAck(objectOf(frame));
      throw new ClientError('CLIENT_PROTOCOL', `frame type ${frame.type} in the handshake`);
    } catch (error) {
      this.#noise.destroy();
      throw error;
    }
  }

  /** Erases the keys of a handshake that is given up. */
  destroy(): void {
    this.#noise.destroy();
  }

  #readAuth(frame: Frame): HandshakeStep {
    const { settings, device } = this.#parts;
    const auth = objectOf(frame);
    const named = bytesMember(auth, 'server_static');
    if (named !== undefined && !equalBytes(named, settings.serverStatic)) {
      throw new ClientError(
        'CLIENT_SERVER_KEY',
        'the server answers with another Noise key than the expected one',
      );
    }
    const echoed = textMember(auth, 'device_id');
    if (echoed !== undefined && echoed !== device.deviceId) {
      throw new ClientError('CLIENT_PROTOCOL', 'the server answers for another device');
    }
    const message = bytesMember(auth, 'handshake');
    if (message === undefined) throw new ClientError('CLIENT_PROTOCOL', 'AUTH carries no handshake message');
    this.#checkPayload(this.#readNoise(message));
    // IK is complete here; the AUTH that follows carries no message (PROTOCOL.md 3.5).
    const last = this.#noise.finished ? '' : toHex(this.#noise.writeMessage());
    this.#awaiting = 'ack';
    const bytes = encodeFrame(FRAME.AUTH, frame.channel, AUTH_SEQUENCE, encodeJson({ handshake: last }));
    return { kind: 'send', bytes };
  }

  #readNoise(message: Uint8Array): Uint8Array {
    try {
      return this.#noise.readMessage(message);
    } catch (cause) {
      const text = 'the server cannot prove its Noise key';
      throw cause instanceof CommuCatError ? new ClientError('CLIENT_SERVER_KEY', text, { cause }) : cause;
    }
  }

  /** The part of the answer that only the holder of the server's key can have written. */
  #checkPayload(payload: Uint8Array): void {
    if (payload.length === 0) return;
    const facts = objectOf({ payload });
    const domain = textMember(facts, 'domain');
    if (domain !== undefined && domain !== this.#parts.settings.domain) {
      throw new ClientError(
        'CLIENT_SERVER_KEY',
        `the server is ${domain}, not ${this.#parts.settings.domain}`,
      );
    }
    this.#session = textMember(facts, 'session');
  }

  #readAck(ack: JsonObject): HandshakeStep {
    if (textMember(ack, 'handshake') !== 'ok') {
      throw new ClientError('CLIENT_PROTOCOL', 'the handshake ended with another ACK');
    }
    const session = textMember(ack, 'session');
    const userId = textMember(ack, 'user_id');
    if (session === undefined || userId === undefined) {
      throw new ClientError('CLIENT_PROTOCOL', 'the ACK lacks session or user_id');
    }
    if (this.#session !== undefined && session !== this.#session) {
      throw new ClientError('CLIENT_SERVER_KEY', 'the ACK names another session than the server promised');
    }
    const authority = this.#authority(ack);
    const facts: SessionFacts = {
      session,
      userId,
      user: isJsonObject(ack.user) ? plainDocument(ack.user) : undefined,
      capabilities: strings(ack.capabilities),
      inbox: inboxOf(ack.inbox),
      resume: resumeOf(ack.resume),
      pairingRequired: ack.pairing_required === true,
      acknowledgement: plainDocument(ack),
    };
    const issued = {
      certificate: this.#certificate(ack.device_certificate, userId, authority),
      authority,
      ticket: ticketOf(ack),
    };
    return { kind: 'established', facts, issued, noise: this.#noise.split() };
  }

  #authority(ack: JsonObject): Uint8Array | undefined {
    const pinned = this.#parts.authority;
    const named = bytesMember(ack, 'device_ca_public');
    if (named !== undefined && named.length !== CRYPTO_LENGTHS.KEY) {
      throw new ClientError('CLIENT_PROTOCOL', 'the key of the device authority has another length');
    }
    if (pinned !== undefined && named !== undefined && !equalBytes(pinned, named)) {
      throw new ClientError('CLIENT_CERTIFICATE', 'the server names another device authority than before');
    }
    return pinned ?? named;
  }

  #certificate(
    value: JsonValue | undefined,
    userId: string,
    authority: Uint8Array | undefined,
  ): DeviceCertificate | undefined {
    const { backend, device } = this.#parts;
    if (value === undefined || value === null || authority === undefined) return undefined;
    let certificate: DeviceCertificate;
    try {
      certificate = certificateFromJson(value);
    } catch (cause) {
      throw new ClientError('CLIENT_CERTIFICATE', 'the server sends no readable certificate', { cause });
    }
    if (!verifyCertificate(backend, certificate, authority)) {
      throw new ClientError('CLIENT_CERTIFICATE', 'the device certificate is not signed by the authority');
    }
    const ours =
      equalBytes(certificate.publicKey, device.publicKey) && certificate.deviceId === device.deviceId;
    if (!ours || certificate.userId !== userId) {
      throw new ClientError('CLIENT_CERTIFICATE', 'the device certificate is made out to somebody else');
    }
    // Its dates are the server's business: this machine's clock may be wrong, and nobody here relies on them.
    return certificate;
  }
}

function strings(value: JsonValue | undefined): readonly string[] {
  return Array.isArray(value)
    ? value.filter((entry: JsonValue): entry is string => typeof entry === 'string')
    : [];
}

/** What could not stand in a header is no ticket. */
function ticketOf(ack: JsonObject): string | undefined {
  const ticket = textMember(ack, 'ticket');
  return ticket !== undefined && /^[\w-]{1,128}$/.test(ticket) ? ticket : undefined;
}

/** What did not fit, in the words of PROTOCOL.md 3.12, where the server says it. */
const REFUSAL_REASONS: ReadonlyMap<string | undefined, readonly [ClientErrorCode, string]> = new Map([
  ['server_key', ['CLIENT_SERVER_KEY', 'the server does not hold the expected Noise key']],
  ['proof', ['CLIENT_SERVER_KEY', 'the server is not of the expected domain']],
  ['device_id', ['CLIENT_DEVICE_TAKEN', 'the device id belongs to another key']],
  ['account', ['CLIENT_DEVICE_TAKEN', 'the device belongs to another account']],
]);

function refusal(error: JsonObject): ClientError {
  const wire = wireErrorOf(error);
  if (error.pairing_required === true) {
    return new ClientError('CLIENT_PAIRING_REQUIRED', 'the device must be paired first', { wire });
  }
  const known = REFUSAL_REASONS.get(wire.reason);
  if (known !== undefined) return new ClientError(known[0], known[1], { wire });
  // Servers that stop, or cannot write, say so by a code of their own instead of `handshake`.
  const retryable =
    wire.error === 'handshake' ? TRANSIENT.includes(wire.detail ?? '') : wire.error !== 'decode';
  const text = `the server refused the handshake: ${wireErrorText(wire)}`;
  return new ClientError('CLIENT_HANDSHAKE_REFUSED', text, { wire, retryable });
}
