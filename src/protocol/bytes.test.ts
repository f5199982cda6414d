import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { concatBytes, copyBytes, equalBytes, fromHex, toHex, u32le, u64le } from './bytes.ts';

describe('given hex', () => {
  test('when bytes are written and read, in either case, then they are the same', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        assert.equal(toHex(bytes), Buffer.from(bytes).toString('hex'));
        assert.deepEqual(fromHex(toHex(bytes)), bytes);
        assert.deepEqual(fromHex(toHex(bytes).toUpperCase()), bytes);
      }),
    );
  });

  test('when a text is not hex, then it is refused without being quoted', () => {
    for (const secret of ['abc', 'zz', '0x12', ' 12', '1 ', 'é1', '1é', '\u0130\u0130', '-1', '１２']) {
      assert.throws(
        () => fromHex(secret),
        (error) => error instanceof SyntaxError && !error.message.includes(secret),
      );
    }
  });
});

describe('given byte strings', () => {
  test('when they are compared, then only equal ones are equal', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        assert.equal(equalBytes(a, b), Buffer.compare(a, b) === 0);
        assert.ok(equalBytes(a, copyBytes(a)));
      }),
    );
  });

  test('when a Buffer is copied, then the copy has its own memory', () => {
    const original = Buffer.from([1, 2, 3]);
    const copy = copyBytes(original);
    original.fill(0);
    assert.deepEqual(copy, Uint8Array.of(1, 2, 3));
  });

  test('when they are joined, then the parts follow each other', () => {
    const joined = concatBytes(Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3));
    assert.deepEqual(joined, Uint8Array.of(1, 2, 3));
    assert.deepEqual(concatBytes(), new Uint8Array(0));
  });

  test('when numbers are written, then the least significant byte comes first', () => {
    assert.deepEqual(u32le(0x0102_0304), Uint8Array.of(4, 3, 2, 1));
    assert.deepEqual(u64le(2 ** 53 - 1), Uint8Array.of(255, 255, 255, 255, 255, 255, 31, 0));
  });
});
