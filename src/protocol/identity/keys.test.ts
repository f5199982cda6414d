import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sodiumBackend } from '../../crypto/index.ts';
import { fromHex, toHex } from '../bytes.ts';
import { nobleBackend } from '../noble-backend.ts';
import { deriveAuthorityKey, deriveDeviceKey, noiseKeyPair, noiseStaticFromDeviceKey } from './keys.ts';

for (const backend of [sodiumBackend, nobleBackend]) {
  describe(`given the published key vectors and the backend ${backend.name}`, () => {
    const seed = Uint8Array.from({ length: 32 }, (_, i) => i);

    test('when keys are derived, then they are the published ones', () => {
      const device = deriveDeviceKey(backend, seed);
      assert.equal(
        toHex(device.privateKey),
        'e528e95798037df410543d9f31e396ecdd458d71b157d6014398bae32fb56c65',
      );
      assert.equal(
        toHex(device.publicKey),
        '54f14bf7aef111be9f9b225b2bb30c988c64493047a3bf0ad9e49bf434b637a1',
      );
      assert.equal(
        toHex(noiseStaticFromDeviceKey(backend, device.privateKey).publicKey),
        '3cb396349a658f43b504118c9726b01ab90f40769fdc0911e3ba87a382f7b469',
      );
      const authority = deriveAuthorityKey(
        backend,
        seed.map((byte) => byte + 0x20),
      );
      assert.equal(
        toHex(authority.publicKey),
        '4edf7c43ea7810633a5ce4f6d1ace00f94ec937ab75c56bf9675f48c112895d2',
      );
      const noise = noiseKeyPair(
        backend,
        seed.map((byte) => byte + 0x40),
      );
      assert.equal(
        toHex(noise.publicKey),
        '79a631eede1bf9c98f12032cdeadd0e7a079398fc786b88cc846ec89af85a51a',
      );
    });

    test('when a seed is shorter than 32 bytes, then no key is derived', () => {
      assert.throws(() => deriveDeviceKey(backend, seed.subarray(1)), { code: 'CRYPTO_BAD_KEY' });
      assert.throws(() => deriveAuthorityKey(backend, fromHex('')), { code: 'CRYPTO_BAD_KEY' });
    });
  });
}
