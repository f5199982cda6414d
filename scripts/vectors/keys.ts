import { toHex } from '../../src/protocol/bytes.ts';
import { type CryptoBackend, CryptoError } from '../../src/protocol/crypto-backend.ts';
import {
  deriveAuthorityKey,
  deriveDeviceKey,
  noiseKeyPair,
  noiseStaticFromDeviceKey,
} from '../../src/protocol/identity/keys.ts';
import { material } from './material.ts';
import { insist, type VectorCase, type VectorFile } from './vector-file.ts';

/** Lengths of seeds; BLAKE3 treats more than one block (64) and more than one chunk (1024) in ways of their own. */
const SEED_LENGTHS = [32, 33, 48, 64, 65, 1024, 1025];

function deviceKey(backend: CryptoBackend, name: string, seed: Uint8Array): VectorCase {
  const key = deriveDeviceKey(backend, seed);
  return {
    name,
    op: 'device_key',
    seed: toHex(seed),
    private: toHex(key.privateKey),
    device_public: toHex(key.publicKey),
    client_static: toHex(noiseStaticFromDeviceKey(backend, key.privateKey).publicKey),
  };
}

function authorityKey(backend: CryptoBackend, name: string, seed: Uint8Array): VectorCase {
  const key = deriveAuthorityKey(backend, seed);
  return {
    name,
    op: 'authority_key',
    seed: toHex(seed),
    private: toHex(key.privateKey),
    public: toHex(key.publicKey),
  };
}

function noiseKey(backend: CryptoBackend, name: string, privateKey: Uint8Array): VectorCase {
  const key = noiseKeyPair(backend, privateKey);
  return { name, op: 'noise_key', private: toHex(privateKey), public: toHex(key.publicKey) };
}

/** A private key with these bits in its first and last byte. */
function withEnds(first: number, last: number): Uint8Array {
  const key = material(`noise key with ends ${first} ${last}`);
  key[0] = first;
  key[31] = last;
  return key;
}

function shortSeed(backend: CryptoBackend, length: number): VectorCase {
  const name = `seed of ${length} bytes is too short`;
  const seed = material('a seed that is too short').subarray(0, length);
  try {
    deriveDeviceKey(backend, seed);
  } catch (error) {
    insist(error instanceof CryptoError, name);
    return { name, op: 'refuse', seed: toHex(seed) };
  }
  throw new Error(`accepted: ${name}`);
}

export const keys: VectorFile = {
  about: 'Device keys with the Noise static keys made of them, authority keys, and Noise key pairs.',
  section: '3.2, 3.5, 3.6',
  cases: (backend) => [
    ...SEED_LENGTHS.map((length) =>
      deviceKey(backend, `device seed of ${length} bytes`, material(`device seed ${length}`, length)),
    ),
    ...[32, 80].map((length) =>
      authorityKey(
        backend,
        `authority seed of ${length} bytes`,
        material(`authority seed ${length}`, length),
      ),
    ),
    noiseKey(backend, 'server key', material('server noise key')),
    noiseKey(backend, 'all bits set that clamping clears', withEnds(0x07, 0x80)),
    noiseKey(backend, 'the bit clear that clamping sets', withEnds(0xf8, 0x3f)),
    ...[0, 31].map((length) => shortSeed(backend, length)),
  ],
};
