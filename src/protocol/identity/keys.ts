import { CRYPTO_LENGTHS, type CryptoBackend, CryptoError, type KeyPair } from '../crypto-backend.ts';

/** Fewest bytes of seed that a key is derived from (PROTOCOL.md "Device keys"). */
export const MIN_SEED_LENGTH = 32;

/** Ed25519 key pair with private = BLAKE3(seed). */
function deriveEd25519Key(backend: CryptoBackend, seed: Uint8Array): KeyPair {
  if (seed.length < MIN_SEED_LENGTH) {
    throw new CryptoError('CRYPTO_BAD_KEY', `a seed has at least ${MIN_SEED_LENGTH} bytes`);
  }
  const privateKey = backend.blake3(seed, CRYPTO_LENGTHS.KEY);
  return { privateKey, publicKey: backend.ed25519Public(privateKey) };
}

/**
 * The Ed25519 device key of a seed (PROTOCOL.md "Device keys").
 *
 * @param seed at least 32 bytes from a CSPRNG
 * @throws CryptoError code `CRYPTO_BAD_KEY` if the seed is shorter
 */
export function deriveDeviceKey(backend: CryptoBackend, seed: Uint8Array): KeyPair {
  return deriveEd25519Key(backend, seed);
}

/**
 * The server's Ed25519 key that signs device certificates and federation events, from `crypto.federation_seed`
 * (PROTOCOL.md "Server identity").
 *
 * @throws CryptoError code `CRYPTO_BAD_KEY` if the seed is shorter than 32 bytes
 */
export function deriveAuthorityKey(backend: CryptoBackend, federationSeed: Uint8Array): KeyPair {
  return deriveEd25519Key(backend, federationSeed);
}

/** The X25519 key pair of a 32-byte private key. The private key is not copied. */
export function noiseKeyPair(backend: CryptoBackend, privateKey: Uint8Array): KeyPair {
  return { privateKey, publicKey: backend.x25519Public(privateKey) };
}

/**
 * The Noise static key of a device: its 32 private bytes used again as an X25519 scalar (PROTOCOL.md "Noise", the
 * derivation that existing clients use).
 */
export function noiseStaticFromDeviceKey(backend: CryptoBackend, devicePrivate: Uint8Array): KeyPair {
  return noiseKeyPair(backend, devicePrivate);
}
