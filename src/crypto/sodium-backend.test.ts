import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import {
  agree,
  bytes,
  key,
  NON_CANONICAL,
  nonce,
  Point,
  SMALL_ORDER,
  scalar,
  wide,
} from '../../test/kit/two-backends.ts';
import { toHex } from '../protocol/bytes.ts';
import type { CryptoBackend } from '../protocol/crypto-backend.ts';
import { nobleBackend } from '../protocol/noble-backend.ts';
import { sodiumBackend } from './sodium-backend.ts';

describe('given the sodium and the noble backend', () => {
  test('when they hash, then they agree, whatever the parts', () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 3 }), fc.uint8Array({ maxLength: 70 }), (parts, macKey) => {
        agree((backend) => backend.blake2s(...parts));
        agree((backend) => backend.hmacBlake2s(macKey, ...parts));
        for (const part of parts) {
          agree((backend) => backend.sha512(part));
          agree((backend) => backend.blake3(part));
          agree((backend) => backend.blake3(part, 64));
        }
      }),
    );
  });

  test('when they agree on X25519 secrets, then both get the same', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        agree((backend) => backend.x25519Public(a));
        agree((backend) => backend.x25519(a, b));
        agree((backend) => backend.x25519(a, backend.x25519Public(b)));
      }),
      { numRuns: 30 },
    );
  });

  test('when an X25519 key is of small order or wrong length, then both refuse with the same code', () => {
    const secret = new Uint8Array(32).fill(7);
    for (const first of [0, 1]) {
      const point = new Uint8Array(32);
      point[0] = first;
      assert.equal(
        agree((backend) => backend.x25519(secret, point)),
        'CRYPTO_WEAK_KEY',
      );
    }
    assert.equal(
      agree((backend) => backend.x25519(secret, new Uint8Array(31))),
      'CRYPTO_BAD_KEY',
    );
    assert.equal(
      agree((backend) => backend.x25519Public(new Uint8Array(33))),
      'CRYPTO_BAD_KEY',
    );
  });

  test('when they encrypt, then each reads the other and neither reads a changed text', () => {
    fc.assert(
      fc.property(key, nonce, bytes, bytes, fc.nat(), (k, n, ad, plaintext, where) => {
        const sealed = sodiumBackend.aeadSeal(k, n, ad, plaintext);
        agree((backend) => backend.aeadSeal(k, n, ad, plaintext));
        assert.equal(
          agree((backend) => backend.aeadOpen(k, n, ad, sealed)),
          toHex(plaintext),
        );
        const changed = sealed.map((byte, i) => (i === where % sealed.length ? byte ^ 4 : byte));
        assert.equal(
          agree((backend) => backend.aeadOpen(k, n, ad, changed)),
          undefined,
        );
        agree((backend) => backend.aeadOpen(k, n, ad, sealed.subarray(0, where % sealed.length)));
      }),
    );
  });

  test('when they work in place inside larger buffers, also on both sides of 16 KiB, then they agree', () => {
    fc.assert(
      fc.property(
        key,
        nonce,
        fc.constantFrom(0, 1, 300, 16_383, 16_384, 16_385, 65_519),
        fc.nat(9),
        fc.boolean(),
        (k, n, length, offset, broken) => {
          const run = (backend: CryptoBackend): string => {
            const buffer = Buffer.alloc(length + 40, 0x55);
            backend.aeadSealInPlace(k, n, buffer, offset, length);
            const sealed = toHex(buffer);
            const ciphertext = buffer.subarray(offset, offset + length + 16);
            if (broken) buffer.writeUInt8(buffer.readUInt8(offset + length + 3) ^ 1, offset + length + 3);
            const target = new Uint8Array(length + 20);
            const opened = backend.aeadOpenInto(k, n, ciphertext, target, 3);
            assert.equal(opened, !broken);
            return opened ? sealed + toHex(target) : sealed;
          };
          agree(run);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('when there is no room, then both throw RangeError and write nothing behind the buffer', () => {
    const k = new Uint8Array(32);
    const n = new Uint8Array(12);
    const sealed = sodiumBackend.aeadSeal(k, n, new Uint8Array(0), new Uint8Array(10));
    for (const backend of [sodiumBackend, nobleBackend]) {
      const memory = new Uint8Array(64);
      const buffer = memory.subarray(0, 25);
      assert.throws(() => backend.aeadSealInPlace(k, n, buffer, 0, 10), RangeError);
      assert.throws(() => backend.aeadOpenInto(k, n, sealed, buffer, 16), RangeError);
      assert.ok(memory.subarray(25).every((byte) => byte === 0));
      assert.equal(backend.aeadOpenInto(k, n, sealed.subarray(0, 15), buffer, 0), false);
    }
  });

  test('when they sign, then the signatures are equal and only the right ones verify', () => {
    fc.assert(
      fc.property(key, bytes, fc.nat(63), (seed, message, where) => {
        const publicKey = sodiumBackend.ed25519Public(seed);
        const signature = sodiumBackend.ed25519Signer(seed).sign(message);
        agree((backend) => backend.ed25519Public(seed));
        agree((backend) => backend.ed25519Signer(seed).sign(message));
        assert.equal(
          agree((backend) => backend.ed25519Verify(publicKey, message, signature)),
          true,
        );
        const changed = signature.map((byte, i) => (i === where ? byte ^ 1 : byte));
        assert.equal(
          agree((backend) => backend.ed25519Verify(publicKey, message, changed)),
          false,
        );
        const longer = Uint8Array.of(...signature, 0);
        assert.equal(
          agree((backend) => backend.ed25519Verify(publicKey, message, longer)),
          false,
        );
        assert.equal(
          agree((backend) => backend.ed25519Verify(publicKey, message, signature.subarray(1))),
          false,
        );
      }),
      { numRuns: 30 },
    );
  });

  test('when a signature has a key or a commitment of small order, then both refuse it', () => {
    const message = new Uint8Array(5);
    const seed = new Uint8Array(32).fill(3);
    const honest = sodiumBackend.ed25519Signer(seed).sign(message);
    for (const point of [...SMALL_ORDER, ...NON_CANONICAL]) {
      const forged = new Uint8Array(64);
      forged.set(point);
      assert.equal(
        agree((backend) => backend.ed25519Verify(point, message, forged)),
        false,
      );
      const mixed = Uint8Array.of(...point, ...honest.subarray(32));
      const publicKey = sodiumBackend.ed25519Public(seed);
      assert.equal(
        agree((backend) => backend.ed25519Verify(publicKey, message, mixed)),
        false,
      );
    }
  });

  test('when key or commitment of a signature have a torsion part, then both decide by the equation without cofactor', () => {
    const none = Point.ZERO;
    const torsion = Point.fromBytes(SMALL_ORDER[0] ?? new Uint8Array(0));
    const verdicts = new Set<unknown>();
    for (const [keyPart, commitmentPart] of [
      [none, none],
      [none, torsion],
      [torsion, none],
      [torsion, torsion],
    ] as const) {
      for (let i = 0; i < 24; i += 1) {
        const message = Uint8Array.of(i);
        const x = 12_345n;
        const publicKey = Point.BASE.multiply(x).add(keyPart).toBytes();
        const commitment = Point.BASE.multiply(678n).add(commitmentPart).toBytes();
        const digest = sodiumBackend.sha512(Uint8Array.of(...commitment, ...publicKey, ...message));
        const k = BigInt(`0x${toHex(digest.toReversed())}`) % Point.Fn.ORDER;
        const signature = Uint8Array.of(...commitment, ...Point.Fn.toBytes((678n + k * x) % Point.Fn.ORDER));
        const valid = agree((backend) => backend.ed25519Verify(publicKey, message, signature));
        if (commitmentPart === none && (keyPart === none || k % 8n === 0n)) assert.equal(valid, true);
        if (commitmentPart === torsion && keyPart === none) assert.equal(valid, false);
        verdicts.add(valid);
      }
    }
    assert.deepEqual(verdicts, new Set([true, false]));
  });

  test('when a scalar times the base point is asked for, then they agree, at the ends of the range too', () => {
    fc.assert(
      fc.property(wide, (seed) => {
        agree((backend) => backend.ed25519BaseMultiply(scalar(seed)));
      }),
      { numRuns: 30 },
    );
    const zero = new Uint8Array(32);
    assert.equal(
      agree((backend) => backend.ed25519BaseMultiply(zero)),
      toHex(Point.ZERO.toBytes()),
    );
    const last = Point.Fn.toBytes(Point.Fn.ORDER - 1n);
    agree((backend) => backend.ed25519BaseMultiply(last));
    const order = Uint8Array.from(last, (byte, i) => (i === 0 ? byte + 1 : byte));
    assert.equal(
      agree((backend) => backend.ed25519BaseMultiply(order)),
      'CRYPTO_BAD_KEY',
    );
  });
});
