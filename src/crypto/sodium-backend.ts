import { createCipheriv, createDecipheriv, hash } from 'node:crypto';
import { blake3 } from '@noble/hashes/blake3.js';
import sodium from 'sodium-native';
import { concatBytes, copyBytes, equalBytes } from '../protocol/bytes.ts';
import {
  CRYPTO_LENGTHS,
  type CryptoBackend,
  CryptoError,
  type Ed25519Signer,
  requireLength,
} from '../protocol/crypto-backend.ts';

const { KEY, NONCE, SIGNATURE, TAG } = CRYPTO_LENGTHS;

/** From here on OpenSSL's wide vector code outweighs its cost per call. */
const NODE_AEAD_FROM = 40_960;
const BLAKE2S = 'blake2s256';
const BLAKE2S_BLOCK = 64;
const NO_AD = new Uint8Array(0);

/** Order of the prime-order subgroup, big endian. */
const L_BIG_ENDIAN = Uint8Array.from([
  0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0xde, 0xf9, 0xde, 0xa2, 0xf7, 0x9c, 0xd6, 0x58,
  0x12, 0x63, 0x1a, 0x5c, 0xf5, 0xd3, 0xed,
]);
/** Encoding of the neutral element, the one small-order point that an equation of prime-order points can yield. */
const IDENTITY = Uint8Array.from({ length: KEY }, (_, i) => (i === 0 ? 1 : 0));

/** Whether a 32-byte little-endian number is below L. Variable time: for public scalars only. */
function isCanonicalScalar(scalar: Uint8Array): boolean {
  if (scalar.length !== KEY) return false;
  for (let i = 0; i < KEY; i += 1) {
    const difference = (scalar[KEY - 1 - i] ?? 0) - (L_BIG_ENDIAN[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/** Runs a sodium call that throws where this interface answers; the lengths were checked before. */
function succeeds(call: () => void): boolean {
  try {
    call();
    return true;
  } catch {
    return false;
  }
}

function x25519Public(privateKey: Uint8Array): Uint8Array {
  requireLength(privateKey, KEY, 'X25519 private key');
  const publicKey = new Uint8Array(KEY);
  sodium.crypto_scalarmult_base(publicKey, privateKey);
  return publicKey;
}

function x25519(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  requireLength(privateKey, KEY, 'X25519 private key');
  requireLength(publicKey, KEY, 'X25519 public key');
  const shared = new Uint8Array(KEY);
  if (!succeeds(() => sodium.crypto_scalarmult(shared, privateKey, publicKey))) {
    throw new CryptoError('CRYPTO_WEAK_KEY', 'X25519 with a point of small order');
  }
  return shared;
}

/** A plain array over OpenSSL's answer: nobody outside should meet a `Buffer`, whose `slice` does not copy. */
function hashBlake2s(input: Uint8Array): Uint8Array {
  const digest = hash(BLAKE2S, input, 'buffer');
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.length);
}

function blake2s(...parts: readonly Uint8Array[]): Uint8Array {
  const [only, second] = parts;
  return hashBlake2s(only !== undefined && second === undefined ? only : concatBytes(...parts));
}

/** The padded key of an HMAC and what is hashed behind it; erased after each use. */
const HMAC_INPUT = new Uint8Array(BLAKE2S_BLOCK + 4 * KEY);

/** RFC 2104 on one-shot hashes: a third of the time of `createHmac` for the short inputs of Noise. */
function hmacBlake2s(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  if (key.length > BLAKE2S_BLOCK) throw new CryptoError('CRYPTO_BAD_KEY', 'HMAC key above 64 bytes');
  const inner = hashPadded(key, 0x36, parts);
  const mac = hashPadded(key, 0x5c, [inner]);
  inner.fill(0);
  return mac;
}

function hashPadded(key: Uint8Array, pad: number, parts: readonly Uint8Array[]): Uint8Array {
  let length = BLAKE2S_BLOCK;
  for (const part of parts) length += part.length;
  const input = length > HMAC_INPUT.length ? new Uint8Array(length) : HMAC_INPUT.subarray(0, length);
  for (let i = 0; i < BLAKE2S_BLOCK; i += 1) input[i] = pad ^ (key[i] ?? 0);
  let offset = BLAKE2S_BLOCK;
  for (const part of parts) {
    input.set(part, offset);
    offset += part.length;
  }
  const digest = hashBlake2s(input);
  input.fill(0);
  return digest;
}

function sha512(bytes: Uint8Array): Uint8Array {
  const digest = new Uint8Array(64);
  sodium.crypto_hash_sha512(digest, bytes);
  return digest;
}

/** Encrypts `plaintext` to `target` (16 bytes longer); both may start at the same byte of one buffer. */
function sealTo(
  key: Uint8Array,
  nonce: Uint8Array,
  ad: Uint8Array,
  plaintext: Uint8Array,
  target: Uint8Array,
): void {
  if (plaintext.length < NODE_AEAD_FROM) {
    sodium.crypto_aead_chacha20poly1305_ietf_encrypt(target, plaintext, ad, null, nonce, key);
    return;
  }
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG });
  cipher.setAAD(ad, { plaintextLength: plaintext.length });
  target.set(cipher.update(plaintext), 0);
  cipher.final();
  target.set(cipher.getAuthTag(), plaintext.length);
}

/** Decrypts `ciphertext` to `target` (16 bytes shorter); both may start at the same byte of one buffer. */
function openTo(
  key: Uint8Array,
  nonce: Uint8Array,
  ad: Uint8Array,
  ciphertext: Uint8Array,
  target: Uint8Array,
): boolean {
  try {
    if (target.length < NODE_AEAD_FROM) {
      const length = sodium.crypto_aead_chacha20poly1305_ietf_decrypt(
        target,
        null,
        ciphertext,
        ad,
        nonce,
        key,
      );
      return length === target.length;
    }
    const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG });
    decipher.setAAD(ad, { plaintextLength: target.length });
    decipher.setAuthTag(ciphertext.subarray(target.length));
    const plaintext = decipher.update(ciphertext.subarray(0, target.length));
    decipher.final();
    target.set(plaintext, 0);
    plaintext.fill(0);
    return true;
  } catch {
    // Both libraries report a wrong tag by throwing.
    return false;
  }
}

function aeadSeal(key: Uint8Array, nonce: Uint8Array, ad: Uint8Array, plaintext: Uint8Array): Uint8Array {
  requireLength(key, KEY, 'AEAD key');
  requireLength(nonce, NONCE, 'AEAD nonce');
  const sealed = new Uint8Array(plaintext.length + TAG);
  sealTo(key, nonce, ad, plaintext, sealed);
  return sealed;
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
  const plaintext = new Uint8Array(ciphertext.length - TAG);
  return openTo(key, nonce, ad, ciphertext, plaintext) ? plaintext : undefined;
}

/** A view of exactly that part. `subarray` would quietly shorten it. */
function viewOf(buffer: Uint8Array, offset: number, length: number): Uint8Array {
  if (offset < 0 || length < 0 || offset + length > buffer.length) {
    throw new RangeError('outside of the buffer');
  }
  return new Uint8Array(buffer.buffer, buffer.byteOffset + offset, length);
}

function ed25519KeyPair(seed: Uint8Array): { publicKey: Uint8Array; secretKey: Uint8Array } {
  requireLength(seed, KEY, 'Ed25519 seed');
  const publicKey = new Uint8Array(KEY);
  const secretKey = new Uint8Array(2 * KEY);
  sodium.crypto_sign_seed_keypair(publicKey, secretKey, seed);
  return { publicKey, secretKey };
}

function ed25519Public(seed: Uint8Array): Uint8Array {
  const { publicKey, secretKey } = ed25519KeyPair(seed);
  sodium.sodium_memzero(secretKey);
  return publicKey;
}

function ed25519Signer(seed: Uint8Array): Ed25519Signer {
  const { publicKey, secretKey } = ed25519KeyPair(seed);
  return {
    publicKey,
    sign(message) {
      const signature = new Uint8Array(SIGNATURE);
      sodium.crypto_sign_detached(signature, message, secretKey);
      return signature;
    },
  };
}

function ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  // sodium-native lets longer signatures through and reads their first 64 bytes.
  if (publicKey.length !== KEY || signature.length !== SIGNATURE) return false;
  return sodium.crypto_sign_verify_detached(signature, message, publicKey);
}

function ed25519BaseMultiply(scalar: Uint8Array): Uint8Array {
  if (!isCanonicalScalar(scalar)) throw new CryptoError('CRYPTO_BAD_KEY', 'scalar is not below L');
  if (isZero(scalar)) return copyBytes(IDENTITY);
  const point = new Uint8Array(KEY);
  sodium.crypto_scalarmult_ed25519_base_noclamp(point, scalar);
  return point;
}

function schnorrHolds(
  publicKey: Uint8Array,
  commitment: Uint8Array,
  challenge: Uint8Array,
  response: Uint8Array,
): boolean {
  if (publicKey.length !== KEY || commitment.length !== KEY) return false;
  if (!isCanonicalScalar(challenge) || !isCanonicalScalar(response)) return false;
  const left = new Uint8Array(KEY);
  const right = new Uint8Array(KEY);
  // sodium refuses a zero scalar, and a public key that is not canonical, of small order or has a torsion part.
  const computed = succeeds(() => {
    sodium.crypto_scalarmult_ed25519_base_noclamp(left, response);
    sodium.crypto_scalarmult_ed25519_noclamp(right, challenge, publicKey);
    sodium.crypto_core_ed25519_sub(left, left, right);
  });
  // An encoding equal to that of s·B - c·A is canonical and in the prime-order subgroup; only the identity is left to refuse.
  return computed && equalBytes(left, commitment) && !equalBytes(commitment, IDENTITY);
}

/** The primitives on libsodium, with OpenSSL for BLAKE2s and long AEAD messages. The server's backend. */
export const sodiumBackend: CryptoBackend = {
  name: 'sodium',
  x25519Public,
  x25519,
  blake2s,
  hmacBlake2s,
  blake3: (bytes, length = KEY) => blake3(bytes, { dkLen: length }),
  sha512,
  aeadSeal,
  aeadOpen,
  aeadSealInPlace(key, nonce, buffer, offset, plaintextLength) {
    const target = viewOf(buffer, offset, plaintextLength + TAG);
    sealTo(key, nonce, NO_AD, viewOf(buffer, offset, plaintextLength), target);
  },
  aeadOpenInto(key, nonce, ciphertext, target, targetOffset) {
    if (ciphertext.length < TAG) return false;
    return openTo(key, nonce, NO_AD, ciphertext, viewOf(target, targetOffset, ciphertext.length - TAG));
  },
  ed25519Public,
  ed25519Signer,
  ed25519Verify,
  ed25519IsKey: (publicKey) =>
    publicKey.length === KEY && sodium.crypto_core_ed25519_is_valid_point(publicKey),
  ed25519BaseMultiply,
  schnorrHolds,
};
