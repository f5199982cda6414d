import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { seededRandom } from '../../../test/kit/seeded-random.ts';
import { sodiumBackend } from '../../crypto/index.ts';
import { ByteArena } from '../byte-arena.ts';
import { concatBytes, toHex } from '../bytes.ts';
import { CipherState } from './noise-cipher-state.ts';
import { RECORD_ROOM_BEFORE, RECORD_ROOM_BEHIND, RecordError, RecordOpener, RecordSealer } from './record.ts';

const key = seededRandom('record').bytes(32);
const cipher = (): CipherState => new CipherState(sodiumBackend, key);

/** A record of that plaintext, made by the sealer that is given. */
function sealed(sealer: RecordSealer, plaintext: Uint8Array): Uint8Array {
  const buffer = new Uint8Array(RECORD_ROOM_BEFORE + plaintext.length + RECORD_ROOM_BEHIND);
  buffer.set(plaintext, RECORD_ROOM_BEFORE);
  sealer.seal(buffer, RECORD_ROOM_BEFORE, plaintext.length);
  return buffer.slice(sealer.start, sealer.end);
}

function drain(opener: RecordOpener): Uint8Array[] {
  const records: Uint8Array[] = [];
  for (let record = opener.next(); record !== undefined; record = opener.next()) records.push(record);
  return records;
}

/** Cuts at the given positions; unordered and repeated positions give empty chunks too. */
function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const positions = [0, ...at.map((position) => position % (bytes.length + 1)), bytes.length].sort(
    (a, b) => a - b,
  );
  return positions.slice(1).map((end, i) => bytes.subarray(positions[i] ?? 0, end));
}

describe('given a stream of records', () => {
  test('when it arrives in any chunks, then the plaintexts come out one by one and stay as they are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 8 }),
        fc.array(fc.nat(4000), { maxLength: 30 }),
        fc.boolean(),
        (plaintexts, at, drainOften) => {
          const sealer = new RecordSealer(cipher());
          const stream = concatBytes(...plaintexts.map((plaintext) => sealed(sealer, plaintext)));
          const opener = new RecordOpener(cipher());
          const opened: Uint8Array[] = [];
          for (const chunk of cut(stream, at)) {
            const received = Buffer.from(chunk);
            opener.push(received);
            if (!drainOften) continue;
            opened.push(...drain(opener));
            received.fill(0xee);
          }
          opened.push(...drain(opener));
          assert.deepEqual(opened.map(toHex), plaintexts.map(toHex));
        },
      ),
      { numRuns: 300 },
    );
  });

  test('when every byte arrives alone, then records of all sizes come out', () => {
    const sealer = new RecordSealer(cipher());
    const plaintexts = [0, 1, 111, 112, 3000, 16_367, 16_368, 65_519].map((length) =>
      seededRandom('p').bytes(length),
    );
    const stream = concatBytes(...plaintexts.map((plaintext) => sealed(sealer, plaintext)));
    const opener = new RecordOpener(cipher());
    const opened: Uint8Array[] = [];
    for (let i = 0; i < stream.length; i += 1) {
      opener.push(stream.subarray(i, i + 1));
      opened.push(...drain(opener));
    }
    assert.deepEqual(opened.map(toHex), plaintexts.map(toHex));
  });

  test('when many openers share one arena, then no plaintext overwrites another', () => {
    const arena = new ByteArena(65_536);
    const openers = [0, 1, 2].map(() => new RecordOpener(cipher(), arena));
    const sealer = new RecordSealer(cipher());
    const kept: Uint8Array[] = [];
    const expected: string[] = [];
    for (let i = 0; i < 300; i += 1) {
      const plaintext = seededRandom(`shared ${i}`).bytes(i * 7);
      const record = sealed(sealer, plaintext);
      for (const opener of openers) {
        opener.push(record.slice());
        kept.push(...drain(opener));
        expected.push(toHex(plaintext));
      }
    }
    assert.deepEqual(kept.map(toHex), expected);
  });

  test('when the prefix is padded, then it is read like the shortest one', () => {
    for (let padding = 1; padding <= 8; padding += 1) {
      const record = sealed(new RecordSealer(cipher()), Uint8Array.of(1, 2, 3));
      const prefix = [(record[0] ?? 0) | 0x80, ...Array<number>(padding).fill(0x80), 0];
      const opener = new RecordOpener(cipher());
      opener.push(concatBytes(Uint8Array.from(prefix), record.subarray(1)));
      assert.deepEqual(drain(opener).map(toHex), ['010203']);
    }
  });
});

describe('given bytes that are no records', () => {
  const refusals: ReadonlyArray<readonly [what: string, prefix: readonly number[]]> = [
    ['length 0', [0x00]],
    ['length 15', [0x0f]],
    ['length 15 with padding', [0x8f, 0x00]],
    ['length 65536', [0x80, 0x80, 0x04]],
    ['length 2^21', [0x80, 0x80, 0x80, 0x01]],
    ['length 2^31 + 16', [0x90, 0x80, 0x80, 0x80, 0x08]],
    ['length 2^32 + 16', [0x90, 0x80, 0x80, 0x80, 0x10]],
    ['length 2^63 + 16', [0x90, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]],
    ['a prefix of ten bytes without an end', [0x90, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80]],
  ];
  for (const [what, prefix] of refusals) {
    test(`when the prefix says ${what}, then its last byte is refused and nothing works any more`, () => {
      const opener = new RecordOpener(cipher());
      for (const byte of prefix.slice(0, -1)) opener.push(Uint8Array.of(byte));
      assert.equal(opener.next(), undefined);
      opener.push(Uint8Array.from(prefix.slice(-1)));
      assert.throws(() => opener.next(), { code: 'RECORD_LENGTH' });
      assert.throws(() => opener.next(), { code: 'RECORD_LENGTH' });
      assert.throws(() => opener.push(Uint8Array.of(16)), { code: 'RECORD_LENGTH' });
    });
  }

  test('when any byte of a record is changed, then it is refused and so is all that follows', () => {
    const sealer = new RecordSealer(cipher());
    const first = sealed(sealer, Uint8Array.of(1, 2, 3));
    const second = sealed(sealer, Uint8Array.of(4, 5, 6));
    for (let index = 1; index < first.length; index += 1) {
      const opener = new RecordOpener(cipher());
      opener.push(first.map((byte, i) => (i === index ? byte ^ 0x10 : byte)));
      opener.push(second);
      assert.throws(() => opener.next(), { code: 'RECORD_DECRYPT' });
      assert.throws(() => opener.push(first), { code: 'RECORD_DECRYPT' });
    }
  });

  test('when records are swapped, repeated or left out, then the wrong one is refused', () => {
    const sealer = new RecordSealer(cipher());
    const [a, b] = [sealed(sealer, Uint8Array.of(1)), sealed(sealer, Uint8Array.of(2))];
    for (const order of [[b], [a, a], [b, a]]) {
      const opener = new RecordOpener(cipher());
      for (const record of order) opener.push(record);
      assert.throws(() => drain(opener), { code: 'RECORD_DECRYPT' });
    }
  });

  test('when arbitrary bytes arrive, then the opener answers with RecordError or waits', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const opener = new RecordOpener(cipher());
        try {
          opener.push(bytes);
          assert.equal(drain(opener).length, 0);
        } catch (error) {
          assert.ok(error instanceof RecordError);
        }
      }),
    );
  });
});

describe('given a sealer', () => {
  test('when it seals, then it touches only the prefix, the plaintext and the tag', () => {
    for (const [length, prefix] of [
      [0, 1],
      [111, 1],
      [112, 2],
      [16_367, 2],
      [16_368, 3],
      [65_519, 3],
    ] as const) {
      const sealer = new RecordSealer(cipher());
      const buffer = new Uint8Array(10 + length + 26).fill(0xaa);
      sealer.seal(buffer, 10, length);
      assert.equal(sealer.start, 10 - prefix);
      assert.equal(sealer.end, 10 + length + 16);
      assert.ok(buffer.subarray(0, sealer.start).every((byte) => byte === 0xaa));
      assert.ok(buffer.subarray(sealer.end).every((byte) => byte === 0xaa));
      const opener = new RecordOpener(cipher());
      opener.push(buffer.subarray(sealer.start, sealer.end));
      assert.equal(opener.next()?.length, length);
    }
  });

  test('when a record is refused, then no nonce is used', () => {
    const sealer = new RecordSealer(cipher());
    assert.throws(() => sealer.seal(new Uint8Array(70_000), 3, 65_520), { code: 'RECORD_TOO_LARGE' });
    assert.throws(() => sealer.seal(new Uint8Array(100), 2, 1), RangeError);
    assert.throws(() => sealer.seal(new Uint8Array(100), 3, 82), RangeError);
    const opener = new RecordOpener(cipher());
    opener.push(sealed(sealer, Uint8Array.of(7)));
    assert.deepEqual(drain(opener).map(toHex), ['07']);
  });
});
