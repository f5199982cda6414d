import assert from 'node:assert/strict';
import { ed25519 } from '@noble/curves/ed25519.js';
import * as fc from 'fast-check';
import { sodiumBackend } from '../../src/crypto/sodium-backend.ts';
import { toHex } from '../../src/protocol/bytes.ts';
import type { CryptoBackend } from '../../src/protocol/crypto-backend.ts';
import { nobleBackend } from '../../src/protocol/noble-backend.ts';

export const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
export const nonce = fc.uint8Array({ minLength: 12, maxLength: 12 });
export const bytes = fc.uint8Array({ maxLength: 300 });
export const wide = fc.uint8Array({ minLength: 64, maxLength: 64 });
export const { Point } = ed25519;

/** What a backend answers, or the code of its error, in a form that compares. */
export function answer(backend: CryptoBackend, call: (backend: CryptoBackend) => unknown): unknown {
  try {
    const value = call(backend);
    return value instanceof Uint8Array ? toHex(value) : value;
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : String(error);
  }
}

export function agree(call: (backend: CryptoBackend) => unknown): unknown {
  const ours = answer(sodiumBackend, call);
  assert.deepEqual(ours, answer(nobleBackend, call));
  return ours;
}

export function scalar(seed: Uint8Array): Uint8Array {
  return Point.Fn.toBytes(Point.Fn.create(BigInt(`0x${toHex(seed)}`)));
}

/** One encoding of each of the eight points of small order. */
export const SMALL_ORDER = ((): Uint8Array[] => {
  const order8 = Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05');
  let point = Point.ZERO;
  return Array.from({ length: 8 }, () => {
    point = point.add(order8);
    return point.toBytes();
  });
})();

/** Not the shortest encodings: y = p + 1, and the identity with the sign of x set. */
export const NON_CANONICAL = [`ee${'ff'.repeat(30)}7f`, `01${'00'.repeat(30)}80`].map((hex) =>
  Uint8Array.from(Buffer.from(hex, 'hex')),
);
