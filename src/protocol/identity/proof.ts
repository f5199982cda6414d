import { ed25519 } from '@noble/curves/ed25519.js';
import { CommuCatError } from '../../ports/commucat-error.ts';
import type { Random } from '../../ports/ports.ts';
import { concatBytes, equalBytes, fromHex, toHex, u32le, u64le, utf8 } from '../bytes.ts';
import { CRYPTO_LENGTHS, type CryptoBackend, requireLength } from '../crypto-backend.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json/json-value.ts';

/** A Schnorr proof of knowledge of the device's private key (PROTOCOL.md "Proof of device key"). */
export interface DeviceKeyProof {
  /** R, a compressed edwards25519 point, 32 bytes. */
  readonly commitment: Uint8Array;
  /** s, a scalar, 32 bytes little endian. */
  readonly response: Uint8Array;
}

/** What the proof is bound to. */
export interface ProofStatement {
  /** The server's configured domain; letter case counts. */
  readonly domain: string;
  readonly deviceId: string;
  /** Ed25519 public key of the device, 32 bytes. */
  readonly devicePublic: Uint8Array;
  /** X25519 public key that the client uses in Noise, 32 bytes. */
  readonly clientStatic: Uint8Array;
}

/** A proof cannot be made of these inputs, or a value is not a proof. */
export class ProofError extends CommuCatError {
  constructor(code: 'PROOF_KEY' | 'PROOF_RANDOM' | 'PROOF_INVALID', message: string) {
    super(code, message);
    this.name = 'ProofError';
  }
}

const DOMAIN = utf8('commucat:zkp:handshake:v1');
/** Bytes that a scalar is reduced from: so many that the bias is negligible. */
const WIDE_SCALAR = 64;
const { KEY } = CRYPTO_LENGTHS;
const { Fn } = ed25519.Point;

/** The byte string that binds the proof to server, device and Noise key. */
function proofContext(statement: ProofStatement): Uint8Array {
  const domain = utf8(statement.domain);
  const deviceId = utf8(statement.deviceId);
  return concatBytes(
    DOMAIN,
    u32le(domain.length),
    domain,
    u32le(deviceId.length),
    deviceId,
    statement.devicePublic,
    statement.clientStatic,
  );
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes.toReversed())}`);
}

function scalarBytes(value: bigint): Uint8Array {
  return Fn.toBytes(Fn.create(value));
}

/** The challenge c mod L. The domain string stands here again, before the length of the context that starts with it. */
function challengeOf(backend: CryptoBackend, statement: ProofStatement, commitment: Uint8Array): bigint {
  const context = proofContext(statement);
  const input = concatBytes(DOMAIN, u64le(context.length), context, statement.devicePublic, commitment);
  return Fn.create(littleEndian(backend.blake3(input, WIDE_SCALAR)));
}

/** The secret scalar of an Ed25519 seed (RFC 8032), reduced mod L. */
function secretScalar(backend: CryptoBackend, devicePrivate: Uint8Array): bigint {
  const digest = backend.sha512(devicePrivate);
  const head = digest.subarray(0, KEY);
  head[0] = (head[0] ?? 0) & 0xf8;
  head[KEY - 1] = ((head[KEY - 1] ?? 0) & 0x7f) | 0x40;
  const scalar = Fn.create(littleEndian(head));
  digest.fill(0);
  return scalar;
}

/**
 * The proof for a given nonce of 64 bytes: for test vectors. Two proofs with one nonce give the private key away, and so
 * does one proof with a known nonce.
 *
 * @throws ProofError code `PROOF_KEY` if `statement.devicePublic` is not the public key of `devicePrivate`
 */
export function proveWithNonceForTests(
  backend: CryptoBackend,
  devicePrivate: Uint8Array,
  statement: ProofStatement,
  nonce: Uint8Array,
): DeviceKeyProof {
  requireLength(statement.clientStatic, KEY, 'client static key');
  requireLength(nonce, WIDE_SCALAR, 'proof nonce');
  if (!equalBytes(backend.ed25519Public(devicePrivate), statement.devicePublic)) {
    throw new ProofError('PROOF_KEY', 'the public key does not belong to the private key');
  }
  const r = Fn.create(littleEndian(nonce));
  const commitment = backend.ed25519BaseMultiply(scalarBytes(r));
  const c = challengeOf(backend, statement, commitment);
  return { commitment, response: scalarBytes(r + c * secretScalar(backend, devicePrivate)) };
}

/**
 * Proves that the caller knows the private half of `statement.devicePublic`. The scalar arithmetic uses big integers and
 * is not constant time; the nonce is fresh each time.
 *
 * @param devicePrivate the 32-byte Ed25519 seed, not changed
 * @throws ProofError code `PROOF_KEY` if the keys do not belong together, `PROOF_RANDOM` if the random source is broken
 */
export function proveDeviceKey(
  backend: CryptoBackend,
  random: Random,
  devicePrivate: Uint8Array,
  statement: ProofStatement,
): DeviceKeyProof {
  const nonce = random.bytes(WIDE_SCALAR);
  // A zero nonce would put the private scalar on the wire as s / c.
  if (nonce.every((byte) => byte === 0)) throw new ProofError('PROOF_RANDOM', 'the random source gave zeros');
  const proof = proveWithNonceForTests(backend, devicePrivate, statement, nonce);
  nonce.fill(0);
  return proof;
}

/**
 * True if the proof holds for the statement. Points of small order, with a torsion part or in a non-canonical encoding are
 * refused, and scalars outside 1 … L-1: an honest prover never sends them.
 */
export function verifyDeviceKeyProof(
  backend: CryptoBackend,
  statement: ProofStatement & { readonly proof: DeviceKeyProof },
): boolean {
  const { clientStatic, devicePublic, proof } = statement;
  if (devicePublic.length !== KEY || clientStatic.length !== KEY || proof.commitment.length !== KEY) {
    return false;
  }
  const challenge = scalarBytes(challengeOf(backend, statement, proof.commitment));
  return backend.schnorrHolds(devicePublic, proof.commitment, challenge, proof.response);
}

/**
 * The proof in a parsed JSON value: two strings of 64 hex digits of either case; other keys are ignored.
 *
 * @throws ProofError code `PROOF_INVALID` that names the field
 */
export function proofFromJson(value: unknown): DeviceKeyProof {
  if (!isJsonObject(value)) throw new ProofError('PROOF_INVALID', 'a proof is an object');
  return { commitment: halfOf('commitment', value.commitment), response: halfOf('response', value.response) };
}

/** The JSON form, in lower-case hex. */
export function proofToJson(proof: DeviceKeyProof): JsonObject {
  return { commitment: toHex(proof.commitment), response: toHex(proof.response) };
}

function halfOf(field: string, value: JsonValue | undefined): Uint8Array {
  if (typeof value === 'string' && value.length === 2 * KEY) {
    try {
      return fromHex(value);
    } catch {
      // Reported below, together with the other ways to be wrong.
    }
  }
  throw new ProofError('PROOF_INVALID', `${field} has ${2 * KEY} hex digits`);
}
