import { copyBytes } from '../bytes.ts';
import { CRYPTO_LENGTHS, type CryptoBackend } from '../crypto-backend.ts';
import { LIMITS } from '../limits.ts';
import { NoiseError } from './noise-error.ts';

const { KEY, NONCE, TAG } = CRYPTO_LENGTHS;
const NO_AD = new Uint8Array(0);
/** 4 zero bytes, then the counter as u64 little endian; written anew for each message. One for all: no backend keeps it. */
const NONCE_BYTES = new Uint8Array(NONCE);
const NONCE_VIEW = new DataView(NONCE_BYTES.buffer);

/**
 * `CipherState` of the Noise specification for ChaChaPoly: a key and the nonce of the next message. A message that is
 * refused, in either direction, uses no nonce.
 *
 * The counter ends at 2^53-1, the last one that a number holds exactly, well below the specification's 2^64-1; then
 * every call throws NoiseError code `NOISE_EXHAUSTED`. After `destroy` every call throws code `NOISE_ORDER`.
 */
export class CipherState {
  readonly #backend: CryptoBackend;
  readonly #key: Uint8Array;
  #nonce: number;
  #destroyed = false;

  /**
   * @param key 32 bytes; copied, so the caller may erase its own
   * @param nonce of the first message; anything but 0 is for tests
   */
  constructor(backend: CryptoBackend, key: Uint8Array, nonce = 0) {
    if (key.length !== KEY) throw new NoiseError('NOISE_KEY', 'a cipher key has 32 bytes');
    this.#backend = backend;
    this.#key = copyBytes(key);
    this.#nonce = nonce;
  }

  /** Number of messages so far, which is the nonce of the next one. */
  get nonce(): number {
    return this.#nonce;
  }

  /** Ciphertext and tag in a new array. @throws NoiseError code `NOISE_LENGTH` above 65 519 bytes of plaintext */
  encryptWithAd(ad: Uint8Array, plaintext: Uint8Array): Uint8Array {
    if (plaintext.length > LIMITS.MAX_RECORD_PLAINTEXT) throw tooLong();
    const sealed = this.#backend.aeadSeal(this.#key, this.#prepareNonce(), ad, plaintext);
    this.#nonce += 1;
    return sealed;
  }

  /** Plaintext in a new array. @throws NoiseError code `NOISE_LENGTH` or `NOISE_DECRYPT` */
  decryptWithAd(ad: Uint8Array, ciphertext: Uint8Array): Uint8Array {
    if (ciphertext.length > LIMITS.MAX_RECORD) throw tooLong();
    const plaintext = this.#backend.aeadOpen(this.#key, this.#prepareNonce(), ad, ciphertext);
    if (plaintext === undefined) throw new NoiseError('NOISE_DECRYPT', 'decryption failed');
    this.#nonce += 1;
    return plaintext;
  }

  /**
   * Encrypts `buffer[offset, offset + plaintextLength)` where it lies and writes the 16-byte tag behind it; no associated
   * data.
   *
   * @throws NoiseError code `NOISE_LENGTH` above 65 519 bytes of plaintext
   * @throws RangeError if the buffer has no room for the tag
   */
  encryptInPlace(buffer: Uint8Array, offset: number, plaintextLength: number): void {
    if (plaintextLength > LIMITS.MAX_RECORD_PLAINTEXT) throw tooLong();
    this.#backend.aeadSealInPlace(this.#key, this.#prepareNonce(), buffer, offset, plaintextLength);
    this.#nonce += 1;
  }

  /**
   * Decrypts `ciphertext` (tag included, no associated data) to `target[targetOffset, …)`; the target may be the place
   * of the ciphertext. Returns the length of the plaintext, or -1 if the ciphertext is refused.
   */
  decryptInto(ciphertext: Uint8Array, target: Uint8Array, targetOffset: number): number {
    const length = ciphertext.length;
    if (length < TAG || length > LIMITS.MAX_RECORD) return -1;
    if (!this.#backend.aeadOpenInto(this.#key, this.#prepareNonce(), ciphertext, target, targetOffset)) {
      return -1;
    }
    this.#nonce += 1;
    return length - TAG;
  }

  /** As `encryptWithAd` with no associated data. */
  encrypt(plaintext: Uint8Array): Uint8Array {
    return this.encryptWithAd(NO_AD, plaintext);
  }

  /** As `decryptWithAd` with no associated data. */
  decrypt(ciphertext: Uint8Array): Uint8Array {
    return this.decryptWithAd(NO_AD, ciphertext);
  }

  /** Erases the key. */
  destroy(): void {
    this.#key.fill(0);
    this.#destroyed = true;
  }

  #prepareNonce(): Uint8Array {
    if (this.#destroyed) throw new NoiseError('NOISE_ORDER', 'the cipher was destroyed');
    const nonce = this.#nonce;
    if (nonce >= Number.MAX_SAFE_INTEGER) throw new NoiseError('NOISE_EXHAUSTED', 'no nonce is left');
    NONCE_VIEW.setUint32(4, nonce >>> 0, true);
    NONCE_VIEW.setUint32(8, Math.floor(nonce / 0x1_0000_0000), true);
    return NONCE_BYTES;
  }
}

function tooLong(): NoiseError {
  return new NoiseError('NOISE_LENGTH', 'a Noise message has at most 65535 bytes');
}
