import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { agree, NON_CANONICAL, Point, SMALL_ORDER, wide } from '../../test/kit/two-backends.ts';
import { toHex } from '../protocol/bytes.ts';

describe('given the equation of a Schnorr proof', () => {
  /** Solves response = r + challenge·x, with points that the caller may twist. */
  function equation(
    seed: Uint8Array,
    twist: (point: InstanceType<typeof Point>) => InstanceType<typeof Point>,
  ) {
    const x = BigInt(`0x${toHex(seed)}`) % Point.Fn.ORDER || 1n;
    const r = (x * 7n + 1n) % Point.Fn.ORDER;
    const c = (x * x + 5n) % Point.Fn.ORDER;
    return {
      publicKey: Point.BASE.multiply(x),
      commitment: twist(Point.BASE.multiply(r)),
      challenge: Point.Fn.toBytes(c),
      response: Point.Fn.toBytes(Point.Fn.create(r + c * x)),
    };
  }

  test('when it holds, then both accept it, and neither accepts a changed part', () => {
    fc.assert(
      fc.property(wide, fc.nat(31), fc.constantFrom(0, 1, 2, 3), (seed, where, part) => {
        const proof = equation(seed, (point) => point);
        const parts = [
          proof.publicKey.toBytes(),
          proof.commitment.toBytes(),
          proof.challenge,
          proof.response,
        ] as const;
        assert.equal(
          agree((backend) => backend.schnorrHolds(...parts)),
          true,
        );
        const changed = parts.map((bytes, i) =>
          i === part ? bytes.map((byte, j) => (j === where ? byte ^ 0x08 : byte)) : bytes,
        ) as unknown as typeof parts;
        assert.equal(
          agree((backend) => backend.schnorrHolds(...changed)),
          false,
        );
      }),
      { numRuns: 20 },
    );
  });

  test('when a key is looked at without a proof, then both find what a proof would find', () => {
    fc.assert(
      fc.property(wide, (seed) => {
        const { publicKey, commitment, challenge, response } = equation(seed, (point) => point);
        const key = publicKey.toBytes();
        assert.equal(
          agree((backend) => backend.ed25519IsKey(key)),
          true,
        );
        assert.equal(
          agree((backend) => backend.schnorrHolds(key, commitment.toBytes(), challenge, response)),
          true,
        );
        // Half of them are on the curve, and seven of eight of those have a torsion part.
        agree((backend) => backend.ed25519IsKey(seed.slice(0, 32)));
      }),
      { numRuns: 40 },
    );
    const twisted = SMALL_ORDER.slice(0, 7).map((torsion) =>
      Point.BASE.multiply(3n).add(Point.fromBytes(torsion)).toBytes(),
    );
    // y = 2 is on no point.
    const offCurve = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 2 : 0));
    const short = Point.BASE.toBytes().subarray(1);
    for (const key of [...SMALL_ORDER, ...NON_CANONICAL, ...twisted, offCurve, short]) {
      assert.equal(
        agree((backend) => backend.ed25519IsKey(key)),
        false,
        toHex(key),
      );
    }
  });

  test('when a point is of small order, has a torsion part or is not canonical, then both refuse it', () => {
    const seed = new Uint8Array(64).fill(9);
    const proof = equation(seed, (point) => point);
    const key = proof.publicKey.toBytes();
    const commitment = proof.commitment.toBytes();
    for (const bytes of [...SMALL_ORDER, ...NON_CANONICAL]) {
      // With a small-order key, s·B = R holds for c·A = 0: the classic forgery without any private key.
      const base = Point.BASE.multiply(5n).toBytes();
      const five = Point.Fn.toBytes(5n);
      const eight = Point.Fn.toBytes(8n);
      assert.equal(
        agree((backend) => backend.schnorrHolds(bytes, base, eight, five)),
        false,
      );
      assert.equal(
        agree((backend) => backend.schnorrHolds(key, bytes, proof.challenge, proof.response)),
        false,
      );
    }
    for (const bytes of SMALL_ORDER.slice(0, 7)) {
      const torsion = Point.fromBytes(bytes);
      const twistedKey = proof.publicKey.add(torsion).toBytes();
      assert.equal(
        agree((b) => b.schnorrHolds(twistedKey, commitment, proof.challenge, proof.response)),
        false,
      );
      const twisted = proof.commitment.add(torsion).toBytes();
      assert.equal(
        agree((b) => b.schnorrHolds(key, twisted, proof.challenge, proof.response)),
        false,
      );
    }
  });

  test('when the commitment is the identity, or a scalar is zero or not below L, then both refuse it', () => {
    const x = Point.Fn.toBytes(3n);
    const publicKey = Point.BASE.multiply(3n).toBytes();
    const one = Point.Fn.toBytes(1n);
    const zero = new Uint8Array(32);
    const identity = Point.ZERO.toBytes();
    assert.equal(
      agree((b) => b.schnorrHolds(publicKey, identity, one, x)),
      false,
    );
    assert.equal(
      agree((b) => b.schnorrHolds(publicKey, Point.BASE.multiply(3n).toBytes(), zero, x)),
      false,
    );
    assert.equal(
      agree((b) => b.schnorrHolds(publicKey, Point.BASE.multiply(3n).negate().toBytes(), one, zero)),
      false,
    );
    const four = Point.BASE.multiply(1n).toBytes();
    assert.equal(
      agree((b) => b.schnorrHolds(publicKey, four, one, Point.Fn.toBytes(4n))),
      true,
    );
    const above = Uint8Array.from(Buffer.from((Point.Fn.ORDER + 4n).toString(16), 'hex')).toReversed();
    assert.equal(above.length, 32);
    assert.equal(
      agree((b) => b.schnorrHolds(publicKey, four, one, above)),
      false,
    );
    assert.equal(
      agree((b) => b.schnorrHolds(publicKey, four, one.subarray(1), x)),
      false,
    );
    assert.equal(
      agree((b) => b.schnorrHolds(publicKey.subarray(1), four, one, x)),
      false,
    );
  });
});
