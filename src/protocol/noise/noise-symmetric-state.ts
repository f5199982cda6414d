import { copyBytes, utf8 } from '../bytes.ts';
import { CRYPTO_LENGTHS, type CryptoBackend } from '../crypto-backend.ts';
import { CipherState } from './noise-cipher-state.ts';

const FIRST_OUTPUT = Uint8Array.of(1);
const SECOND_OUTPUT = Uint8Array.of(2);
const EMPTY = new Uint8Array(0);

/** HKDF of the Noise specification with two outputs. */
function hkdf(backend: CryptoBackend, chainingKey: Uint8Array, input: Uint8Array): [Uint8Array, Uint8Array] {
  const secret = backend.hmacBlake2s(chainingKey, input);
  const first = backend.hmacBlake2s(secret, FIRST_OUTPUT);
  const second = backend.hmacBlake2s(secret, first, SECOND_OUTPUT);
  secret.fill(0);
  return [first, second];
}

/** `SymmetricState` of the Noise specification for BLAKE2s and ChaChaPoly: the hash and the keys of a handshake. */
export class SymmetricState {
  readonly #backend: CryptoBackend;
  #chainingKey: Uint8Array;
  #hash: Uint8Array;
  #cipher: CipherState | undefined;

  /** @param protocolName such as `Noise_XK_25519_ChaChaPoly_BLAKE2s` */
  constructor(backend: CryptoBackend, protocolName: string) {
    this.#backend = backend;
    const name = utf8(protocolName);
    if (name.length <= CRYPTO_LENGTHS.KEY) {
      this.#hash = new Uint8Array(CRYPTO_LENGTHS.KEY);
      this.#hash.set(name);
    } else {
      this.#hash = backend.blake2s(name);
    }
    this.#chainingKey = copyBytes(this.#hash);
  }

  /** A copy of the hash over everything so far. */
  handshakeHash(): Uint8Array {
    return copyBytes(this.#hash);
  }

  /** Takes a shared secret into the keys and erases it. */
  mixKey(inputKeyMaterial: Uint8Array): void {
    const [chainingKey, key] = hkdf(this.#backend, this.#chainingKey, inputKeyMaterial);
    inputKeyMaterial.fill(0);
    this.#chainingKey.fill(0);
    this.#chainingKey = chainingKey;
    this.#cipher?.destroy();
    this.#cipher = new CipherState(this.#backend, key);
    key.fill(0);
  }

  mixHash(data: Uint8Array): void {
    this.#hash = this.#backend.blake2s(this.#hash, data);
  }

  /** Before the first key the text stays in clear, as the specification says; XK and IK encrypt every payload. */
  encryptAndHash(plaintext: Uint8Array): Uint8Array {
    const ciphertext = this.#cipher?.encryptWithAd(this.#hash, plaintext) ?? plaintext;
    this.mixHash(ciphertext);
    return ciphertext;
  }

  /** @throws NoiseError code `NOISE_DECRYPT`; the state must not be used any more then */
  decryptAndHash(ciphertext: Uint8Array): Uint8Array {
    const plaintext = this.#cipher?.decryptWithAd(this.#hash, ciphertext) ?? ciphertext;
    this.mixHash(ciphertext);
    return plaintext;
  }

  /** The two transport keys: first initiator to responder, then back. Erases the handshake's own keys. */
  split(): [CipherState, CipherState] {
    const [first, second] = hkdf(this.#backend, this.#chainingKey, EMPTY);
    const ciphers: [CipherState, CipherState] = [
      new CipherState(this.#backend, first),
      new CipherState(this.#backend, second),
    ];
    first.fill(0);
    second.fill(0);
    this.destroy();
    return ciphers;
  }

  /** Erases the keys. */
  destroy(): void {
    this.#chainingKey.fill(0);
    this.#cipher?.destroy();
  }
}
