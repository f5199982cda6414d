import { type NoiseKey, noiseKeyJson } from '../../keys/index.ts';
import { toHex, utf8 } from '../../protocol/bytes.ts';
import {
  type HandshakeReason,
  handshakeErrorPayload,
  pairingRequiredPayload,
} from '../../protocol/frames/errors.ts';
import { certificateToJson } from '../../protocol/identity/certificate.ts';
import { canonicalJson, type JsonObject } from '../../protocol/json/json.ts';
import { PROTOCOL_VERSION, SUPPORTED_VERSIONS } from '../../protocol/limits.ts';
import type {
  EstablishedFacts,
  HandshakeRefusal,
  Resumption,
  UserSnapshot,
} from '../../relay-port/relay-port.ts';

/** What the server says before anything is encrypted by records; keys in ascending order, as the reference emits them. */

/** The JSON inside Noise message 2. PROTOCOL.md 3.5. */
export function identityPayload(domain: string, sessionToken: string, user: UserSnapshot): Uint8Array {
  return encode({
    domain,
    protocol_version: PROTOCOL_VERSION,
    session: sessionToken,
    user: userJson(user),
    user_id: user.id,
  });
}

/** AUTH of the server. PROTOCOL.md 3.10. */
export function authPayload(
  deviceId: string,
  sessionToken: string,
  serverStatic: Uint8Array,
  message2: Uint8Array,
): Uint8Array {
  return encode({
    device_id: deviceId,
    handshake: toHex(message2),
    protocol_version: PROTOCOL_VERSION,
    server_static: toHex(serverStatic),
    session: sessionToken,
    supported_versions: SUPPORTED_VERSIONS,
  });
}

export interface AcknowledgementFacts {
  readonly established: EstablishedFacts;
  /** For the next connection. PROTOCOL.md 2.1. */
  readonly ticket?: string;
  readonly usedKey: NoiseKey;
  readonly activeKeys: readonly NoiseKey[];
  readonly keepaliveSeconds: number;
}

/** The handshake ACK. PROTOCOL.md 3.10, 11.1 to 11.3. */
export function acknowledgementPayload(facts: AcknowledgementFacts): Uint8Array {
  const { established, usedKey } = facts;
  const { certificate, inbox, resume, user } = established;
  const used = noiseKeyJson(usedKey);
  return encode({
    handshake: 'ok',
    session: established.sessionToken,
    user_id: user.id,
    user: userJson(user),
    pairing_required: established.pairingRequired,
    device_ca_public: toHex(established.authority),
    certificate: {
      serial: certificate.serial,
      issued_at: certificate.issuedAt,
      expires_at: certificate.expiresAt,
    },
    device_certificate: certificateToJson(certificate),
    noise_public: used.public,
    noise_keys: facts.activeKeys.map(noiseKeyJson),
    noise_key_version: used.version,
    noise_rotates_at: used.rotates_at,
    noise_expires_at: used.expires_at,
    keepalive_interval: facts.keepaliveSeconds,
    capabilities: established.capabilities,
    ...(facts.ticket === undefined ? {} : { ticket: facts.ticket }),
    ...(inbox === undefined ? {} : { inbox }),
    ...(resume === undefined ? {} : { resume: resumeJson(resume) }),
  });
}

/** The reasons of refusals that concern what the peer believes, not what it sent. */
const TOLD: ReadonlyMap<string, HandshakeReason> = new Map([
  ['proof', 'proof'],
  ['noise_message_1', 'server_key'],
  ['device_key_mismatch', 'device_id'],
  ['user_mismatch', 'account'],
  ['handle_mismatch', 'account'],
]);

/**
 * The ERROR that answers what the gateway or the relay refused. PROTOCOL.md 3.12.
 *
 * @param reason the word for metrics and the log
 * @param asked the peer wants to be told
 */
export function refusalPayload(refusal: HandshakeRefusal, reason: string, asked: boolean): Uint8Array {
  if (refusal === 'pairing required') return pairingRequiredPayload();
  return handshakeErrorPayload(refusal, asked ? TOLD.get(reason) : undefined);
}

function userJson(user: UserSnapshot): JsonObject {
  return {
    avatar_url: user.avatarUrl,
    display_name: user.displayName,
    handle: user.handle,
    id: user.id,
    user_id: user.id,
  };
}

function resumeJson({ received, epoch, refused }: Resumption): JsonObject {
  return { received, epoch, refused: refused.map(({ sequence, error }) => ({ sequence, error })) };
}

function encode(value: JsonObject): Uint8Array {
  return utf8(canonicalJson(value));
}
