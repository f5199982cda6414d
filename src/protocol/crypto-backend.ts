import { CommuCatError } from '../ports/commucat-error.ts';

/** Lengths in bytes of keys, tags and digests (PROTOCOL.md "Noise" and "Device keys"). */
export const CRYPTO_LENGTHS = {
  /** X25519 and Ed25519 keys, ChaCha20-Poly1305 keys, BLAKE2s digests, points and scalars. */
  KEY: 32,
  /** Poly1305 tag behind each ciphertext. */
  TAG: 16,
  /** ChaCha20-Poly1305 nonce of RFC 8439. */
  NONCE: 12,
  /** Ed25519 signature. */
  SIGNATURE: 64,
} as const;

/** A secret key with its public key, 32 bytes each. */
export interface KeyPair {
  /** 32 bytes, secret. */
  readonly privateKey: Uint8Array;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** Signs under one Ed25519 key (RFC 8032). */
export interface Ed25519Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64-byte signature of the message. */
  sign(message: Uint8Array): Uint8Array;
}

/**
 * The primitives that the protocol is built of. Two implementations give the same answer to every input: `nobleBackend`
 * (browser, fallback) and `sodiumBackend` (server).
 *
 * Arguments are never kept and never changed, except `buffer` and `target` of the two in-place operations.
 */
export interface CryptoBackend {
  readonly name: string;

  /** Public key of a 32-byte X25519 private key; the key is clamped on use (RFC 7748). */
  x25519Public(privateKey: Uint8Array): Uint8Array;
  /**
   * X25519 of RFC 7748.
   *
   * @throws CryptoError code `CRYPTO_WEAK_KEY` if the result is all zero: the peer sent a point of small order.
   */
  x25519(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array;

  /** BLAKE2s, 32 bytes, over the parts one after the other. */
  blake2s(...parts: readonly Uint8Array[]): Uint8Array;
  /** HMAC-BLAKE2s, 32 bytes, over the parts one after the other. The key has at most 64 bytes. */
  hmacBlake2s(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array;
  /** BLAKE3, unkeyed; `length` (default 32) takes more bytes from the extended output. */
  blake3(bytes: Uint8Array, length?: number): Uint8Array;
  /** SHA-512, 64 bytes. */
  sha512(bytes: Uint8Array): Uint8Array;

  /** ChaCha20-Poly1305 (RFC 8439): ciphertext and 16-byte tag in a new array. */
  aeadSeal(key: Uint8Array, nonce: Uint8Array, ad: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** Plaintext in a new array, or `undefined` if the tag does not fit or the input is shorter than a tag. */
  aeadOpen(
    key: Uint8Array,
    nonce: Uint8Array,
    ad: Uint8Array,
    ciphertext: Uint8Array,
  ): Uint8Array | undefined;
  /**
   * Encrypts `buffer[offset, offset + plaintextLength)` where it lies and writes the tag behind it. No associated data.
   *
   * @throws RangeError if the buffer has no room for the tag.
   */
  aeadSealInPlace(
    key: Uint8Array,
    nonce: Uint8Array,
    buffer: Uint8Array,
    offset: number,
    plaintextLength: number,
  ): void;
  /**
   * Decrypts `ciphertext` (tag included, no associated data) to `target[targetOffset, …)`, which may be the very place of
   * the ciphertext. False, with unspecified bytes in the target, if the tag does not fit.
   *
   * @throws RangeError if the target has no room for the plaintext.
   */
  aeadOpenInto(
    key: Uint8Array,
    nonce: Uint8Array,
    ciphertext: Uint8Array,
    target: Uint8Array,
    targetOffset: number,
  ): boolean;

  /** Public key of a 32-byte secret seed (RFC 8032). */
  ed25519Public(seed: Uint8Array): Uint8Array;
  /** Signs under a 32-byte secret seed; what follows from the seed is computed once, here. */
  ed25519Signer(seed: Uint8Array): Ed25519Signer;
  /**
   * True if the signature fits, by the equation without the cofactor. Refused, whatever the equation says: keys and
   * commitments of small order, keys that are not canonically encoded, S outside 0 … L-1, wrong lengths.
   */
  ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;

  /**
   * True for the canonical encoding (32 bytes) of a point of edwards25519's prime-order group that is not its identity: not
   * of small order, without a torsion part. `schnorrHolds` demands it of every public key.
   */
  ed25519IsKey(publicKey: Uint8Array): boolean;
  /** Encoding of scalar·B on edwards25519; `scalar` is 32 bytes, little endian, below L. Zero gives the identity. */
  ed25519BaseMultiply(scalar: Uint8Array): Uint8Array;
  /**
   * True if response·B = commitment + challenge·publicKey on edwards25519, both points are canonically encoded, not of
   * small order and in the prime-order subgroup, and both scalars (32 bytes, little endian) are in 1 … L-1.
   */
  schnorrHolds(
    publicKey: Uint8Array,
    commitment: Uint8Array,
    challenge: Uint8Array,
    response: Uint8Array,
  ): boolean;
}

/** The code of a `CryptoError`. */
export type CryptoErrorCode = 'CRYPTO_WEAK_KEY' | 'CRYPTO_BAD_KEY';

/** A primitive refused its input. The message never contains key material. */
export class CryptoError extends CommuCatError {
  constructor(code: CryptoErrorCode, message: string, options?: { cause?: unknown }) {
    super(code, message, options);
    this.name = 'CryptoError';
  }
}

/** @throws CryptoError code `CRYPTO_BAD_KEY` if `bytes` has another length. */
export function requireLength(bytes: Uint8Array, length: number, what: string): void {
  if (bytes.length !== length) throw new CryptoError('CRYPTO_BAD_KEY', `${what} has ${length} bytes`);
}
