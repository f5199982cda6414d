import { CERTIFICATE_SHAPE } from '../identity/certificate.ts';
import { LEAF, membersOf, TEXTS } from '../json/json-shape.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json/json-value.ts';
import { LIMITS } from '../limits.ts';
import { ControlError } from './control-error.ts';
import { ownMember } from './decoder.ts';
import { invalidRequest } from './handshake-error.ts';
import { readDeviceId, readHex, readHints, readKey, type UserHints } from './identity.ts';
import { lenientObject } from './members.ts';
import { negotiateVersion } from './version.ts';

export { HandshakeMessageError } from './handshake-error.ts';
export type { UserHints } from './identity.ts';

/** The Noise patterns that HELLO may ask for (PROTOCOL.md 3.5). */
export const HANDSHAKE_PATTERNS = ['XK', 'IK'] as const;
/** A Noise pattern of the handshake. */
export type HandshakePattern = (typeof HANDSHAKE_PATTERNS)[number];

/** HELLO, PROTOCOL.md 3.4: checked for form only. */
export interface HelloMessage {
  readonly protocolVersion: number;
  /** True when the client sent `supported_versions`; the older generation never does. PROTOCOL.md 10.1. */
  readonly namesVersions: boolean;
  readonly pattern: HandshakePattern;
  readonly deviceId: string;
  /** Noise message 1. */
  readonly handshake: Uint8Array;
  /** X25519 public key, 32 bytes. */
  readonly clientStatic: Uint8Array;
  /** Ed25519 public key, 32 bytes. */
  readonly devicePublic: Uint8Array;
  /** Two strings of 32 bytes each, PROTOCOL.md 3.7. */
  readonly proof: { readonly commitment: Uint8Array; readonly response: Uint8Array };
  /** As sent, also when it is null; read after the proof and the Noise message. Undefined when absent. */
  readonly certificate: JsonValue | undefined;
  readonly user: UserHints;
  /** In the client's order; entries that are no short strings are left out. */
  readonly capabilities: readonly string[];
}

/** What `parseHello` and the reader of certificates look at. */
export const HELLO_SHAPE = membersOf({
  supported_versions: { items: LEAF },
  protocol_version: LEAF,
  pattern: LEAF,
  device_id: LEAF,
  handshake: LEAF,
  client_static: LEAF,
  device_public: LEAF,
  zkp: membersOf({ commitment: LEAF, response: LEAF }),
  certificate: CERTIFICATE_SHAPE,
  user: membersOf({
    id: LEAF,
    user_id: LEAF,
    handle: LEAF,
    display_name: LEAF,
    avatar_url: LEAF,
  }),
  capabilities: TEXTS,
});

/** What `parseClientAuth` looks at. */
export const CLIENT_AUTH_SHAPE = membersOf({ handshake: LEAF });

/**
 * Reads a HELLO in the reference's order of checks, so that the first fault decides the answer. Throws
 * HandshakeMessageError, whose `detail` is the text for the ERROR frame.
 */
export function parseHello(value: JsonValue): HelloMessage {
  return withInvalidRequest(() => readHello(lenientObject(value)));
}

function readHello(hello: JsonObject): HelloMessage {
  const protocolVersion = negotiateVersion(hello);
  return {
    protocolVersion,
    namesVersions: Object.hasOwn(hello, 'supported_versions'),
    pattern: readPattern(ownMember(hello, 'pattern')),
    deviceId: readDeviceId(hello),
    handshake: readHandshake(hello),
    clientStatic: readKey(hello, 'client_static'),
    devicePublic: readKey(hello, 'device_public'),
    proof: readProof(ownMember(hello, 'zkp')),
    certificate: ownMember(hello, 'certificate'),
    user: readHints(lenientObject(ownMember(hello, 'user') ?? null)),
    capabilities: readCapabilities(ownMember(hello, 'capabilities')),
  };
}

/** The Noise message 3 in a client's AUTH, PROTOCOL.md 3.10. Throws HandshakeMessageError. */
export function parseClientAuth(value: JsonValue): { readonly handshake: Uint8Array } {
  return { handshake: withInvalidRequest(() => readHandshake(lenientObject(value))) };
}

function readPattern(value: JsonValue | undefined): HandshakePattern {
  const pattern = HANDSHAKE_PATTERNS.find((known) => known === value);
  if (pattern === undefined) throw invalidRequest('pattern: expected XK or IK');
  return pattern;
}

function readHandshake(object: JsonObject): Uint8Array {
  const bytes = readHex(object, 'handshake');
  if (bytes.length > LIMITS.HANDSHAKE_MESSAGE_MAX) throw invalidRequest('handshake: too long');
  return bytes;
}

function readProof(value: JsonValue | undefined): HelloMessage['proof'] {
  if (value === undefined || !isJsonObject(value)) throw invalidRequest('zkp: expected an object');
  return { commitment: readKey(value, 'commitment'), response: readKey(value, 'response') };
}

/** Every member that breaks its rule has the same text for the peer. */
function withInvalidRequest<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof ControlError) throw invalidRequest(cause.message, cause);
    throw cause;
  }
}

/** Nothing here refuses a client: what is unknown or over-long is not in force, and that is all. */
function readCapabilities(value: JsonValue | undefined): readonly string[] {
  if (!Array.isArray(value)) return [];
  return value
    .filter((entry: JsonValue): entry is string => typeof entry === 'string')
    .filter((entry) => entry.length <= LIMITS.CAPABILITY_MAX)
    .slice(0, LIMITS.CAPABILITIES_MAX);
}
