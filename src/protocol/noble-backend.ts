import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { blake2s } from '@noble/hashes/blake2.js';
import { blake3 } from '@noble/hashes/blake3.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { concatBytes, copyBytes, equalBytes, toHex } from './bytes.ts';
import { CRYPTO_LENGTHS, type CryptoBackend, CryptoError, requireLength } from './crypto-backend.ts';

const { Point } = ed25519;
const { KEY, NONCE, SIGNATURE, TAG } = CRYPTO_LENGTHS;
type EdwardsPoint = InstanceType<typeof Point>;

/** The point of a strict encoding, or undefined; points of small order are never wanted here. */
function decodePoint(bytes: Uint8Array): EdwardsPoint | undefined {
  let point: EdwardsPoint;
  try {
    point = Point.fromBytes(bytes, false);
  } catch {
    // noble reports every bad encoding by throwing; here it is an answer.
    return undefined;
  }
  return point.isSmallOrder() ? undefined : point;
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes.toReversed())}`);
}

/** The scalar of a canonical encoding (below L), or undefined. */
function decodeScalar(bytes: Uint8Array): bigint | undefined {
  if (bytes.length !== KEY) return undefined;
  const value = littleEndian(bytes);
  return value < Point.Fn.ORDER ? value : undefined;
}

function x25519Shared(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  requireLength(privateKey, KEY, 'X25519 private key');
  requireLength(publicKey, KEY, 'X25519 public key');
  try {
    return x25519.getSharedSecret(privateKey, publicKey);
  } catch (cause) {
    throw new CryptoError('CRYPTO_WEAK_KEY', 'X25519 with a point of small order', { cause });
  }
}

/**
 * The verification of RFC 8032 without the cofactor, as libsodium and the reference do it. noble's own strict mode
 * multiplies by the cofactor, so it would accept signatures with a torsion part that the server refuses.
 */
function ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== KEY || signature.length !== SIGNATURE) return false;
  const commitment = signature.subarray(0, KEY);
  const s = decodeScalar(signature.subarray(KEY));
  const key = decodePoint(publicKey);
  if (s === undefined || key === undefined || decodePoint(commitment) === undefined) return false;
  const k = Point.Fn.create(littleEndian(sha512(concatBytes(commitment, publicKey, message))));
  return equalBytes(Point.BASE.multiplyUnsafe(s).subtract(key.multiplyUnsafe(k)).toBytes(), commitment);
}

function schnorrHolds(
  publicKey: Uint8Array,
  commitment: Uint8Array,
  challenge: Uint8Array,
  response: Uint8Array,
): boolean {
  const c = decodeScalar(challenge);
  const s = decodeScalar(response);
  if (c === undefined || s === undefined || c === 0n || s === 0n) return false;
  const key = decodePoint(publicKey);
  if (key === undefined || decodePoint(commitment) === undefined || !key.isTorsionFree()) return false;
  // All values are public, so variable time is no leak. With s·B and c·A in the prime-order subgroup, an equal commitment is too.
  const expected = Point.BASE.multiplyUnsafe(s).subtract(key.multiplyUnsafe(c));
  return equalBytes(expected.toBytes(), commitment);
}

function aeadOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  ad: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array | undefined {
  requireLength(key, KEY, 'AEAD key');
  requireLength(nonce, NONCE, 'AEAD nonce');
  if (ciphertext.length < TAG) return undefined;
  try {
    return chacha20poly1305(key, nonce, ad).decrypt(ciphertext);
  } catch {
    // The lengths were right, so the tag was wrong: an answer, not a fault.
    return undefined;
  }
}

const NO_AD = new Uint8Array(0);

/** The primitives in portable JavaScript. Big-integer curve arithmetic is not constant time on every engine. */
export const nobleBackend: CryptoBackend = {
  name: 'noble',
  x25519Public(privateKey) {
    requireLength(privateKey, KEY, 'X25519 private key');
    return x25519.getPublicKey(privateKey);
  },
  x25519: x25519Shared,
  blake2s: (...parts) => blake2s(concatBytes(...parts)),
  hmacBlake2s(key, ...parts) {
    if (key.length > blake2s.blockLen) throw new CryptoError('CRYPTO_BAD_KEY', 'HMAC key above 64 bytes');
    return hmac(blake2s, key, concatBytes(...parts));
  },
  blake3: (bytes, length = KEY) => blake3(bytes, { dkLen: length }),
  sha512: (bytes) => sha512(bytes),
  aeadSeal(key, nonce, ad, plaintext) {
    requireLength(key, KEY, 'AEAD key');
    requireLength(nonce, NONCE, 'AEAD nonce');
    return chacha20poly1305(key, nonce, ad).encrypt(plaintext);
  },
  aeadOpen,
  aeadSealInPlace(key, nonce, buffer, offset, plaintextLength) {
    const plaintext = buffer.subarray(offset, offset + plaintextLength);
    buffer.set(chacha20poly1305(key, nonce, NO_AD).encrypt(plaintext), offset);
  },
  aeadOpenInto(key, nonce, ciphertext, target, targetOffset) {
    const plaintext = aeadOpen(key, nonce, NO_AD, ciphertext);
    if (plaintext === undefined) return false;
    target.set(plaintext, targetOffset);
    return true;
  },
  ed25519Public(seed) {
    requireLength(seed, KEY, 'Ed25519 seed');
    return ed25519.getPublicKey(seed);
  },
  ed25519Signer(seed) {
    requireLength(seed, KEY, 'Ed25519 seed');
    const secret = copyBytes(seed);
    return { publicKey: ed25519.getPublicKey(secret), sign: (message) => ed25519.sign(message, secret) };
  },
  ed25519Verify,
  ed25519IsKey: (publicKey) => decodePoint(publicKey)?.isTorsionFree() ?? false,
  ed25519BaseMultiply(scalar) {
    const value = decodeScalar(scalar);
    if (value === undefined) throw new CryptoError('CRYPTO_BAD_KEY', 'scalar is not below L');
    return (value === 0n ? Point.ZERO : Point.BASE.multiply(value)).toBytes();
  },
  schnorrHolds,
};
