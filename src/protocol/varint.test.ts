import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  decodeVarint64,
  encodeVarint64,
  readVarint,
  VARINT_INCOMPLETE,
  VARINT_OVERFLOW,
  varintLength,
  writeVarint,
} from './varint.ts';

/** Both sides of every change of length, as far as a number is exact. */
const EDGES = [
  0,
  1,
  ...[7, 14, 21, 28, 31, 32, 35, 42, 49].flatMap((bits) => [2 ** bits - 1, 2 ** bits]),
  Number.MAX_SAFE_INTEGER,
];

const CONTINUED = 0x80;

describe('given a varint of at most 53 bits', () => {
  for (const value of EDGES) {
    test(`when ${value} is written and read, then value, length and both codecs agree`, () => {
      const bytes = new Uint8Array(12).fill(0xee);
      const end = writeVarint(bytes, 1, value);
      const cursor = { offset: 1 };
      assert.equal(end - 1, varintLength(value));
      assert.equal(readVarint(bytes, cursor, bytes.length), value);
      assert.equal(cursor.offset, end);
      assert.equal(bytes[end], 0xee, 'nothing is written behind it');
      assert.deepEqual(bytes.slice(1, end), encodeVarint64(BigInt(value)));
    });
  }
});

describe('given bytes that are no complete varint', () => {
  test('when they end inside it, then the reader asks for more and stays where it was', () => {
    const cursor = { offset: 1 };
    assert.equal(readVarint(Uint8Array.of(0, CONTINUED, 1), cursor, 2), VARINT_INCOMPLETE);
    assert.equal(readVarint(Uint8Array.of(0), cursor, 1), VARINT_INCOMPLETE);
    assert.equal(cursor.offset, 1);
  });

  test('when the end of the input lies before a byte that is there, then that byte is not read', () => {
    assert.equal(readVarint(Uint8Array.of(5), { offset: 0 }, 0), VARINT_INCOMPLETE);
  });

  test('when ten bytes continue, then it is an overflow, with or without an eleventh', () => {
    assert.equal(readVarint(new Uint8Array(10).fill(CONTINUED), { offset: 0 }, 10), VARINT_OVERFLOW);
    assert.equal(readVarint(new Uint8Array(11).fill(CONTINUED), { offset: 0 }, 11), VARINT_OVERFLOW);
    assert.equal(readVarint(new Uint8Array(9).fill(CONTINUED), { offset: 0 }, 9), VARINT_INCOMPLETE);
  });
});

describe('given a varint of 64 bits', () => {
  test('when it is 2^64 - 1, then it survives as a bigint and stays above every limit as a number', () => {
    const bytes = encodeVarint64(2n ** 64n - 1n);
    assert.deepEqual(decodeVarint64(bytes), { value: 2n ** 64n - 1n, consumed: 10 });
    assert.ok(readVarint(bytes, { offset: 0 }, 10) > Number.MAX_SAFE_INTEGER);
  });

  test('when the tenth byte carries more than 64 bits hold, then the surplus is dropped in both readers', () => {
    const bytes = new Uint8Array(10).fill(CONTINUED);
    bytes[0] = CONTINUED | 5;
    bytes[9] = 0x7e;
    assert.deepEqual(decodeVarint64(bytes), { value: 5n, consumed: 10 });
    assert.equal(readVarint(bytes, { offset: 0 }, 10), 5);
  });

  test('when the value does not fit, then encoding refuses it', () => {
    assert.throws(() => encodeVarint64(2n ** 64n), RangeError);
    assert.throws(() => encodeVarint64(-1n), RangeError);
  });
});
