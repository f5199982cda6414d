import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { encodeFrame } from '../../protocol/frames/frame.ts';
import { nobleBackend } from '../../protocol/noble-backend.ts';
import { CipherState } from '../../protocol/noise/noise-cipher-state.ts';
import { RecordOpener, RecordSealer } from '../../protocol/noise/record.ts';
import { Outgoing } from './outgoing.ts';

const KEY = new Uint8Array(32).fill(3);
const sealer = () => new RecordSealer(new CipherState(nobleBackend, KEY));
const MSG = 5;

function opened(chunks: readonly Uint8Array[]): Buffer {
  const opener = new RecordOpener(new CipherState(nobleBackend, KEY));
  const plain: Uint8Array[] = [];
  for (const chunk of chunks) {
    opener.push(chunk);
    for (let record = opener.next(); record !== undefined; record = opener.next()) plain.push(record);
  }
  return Buffer.concat(plain);
}

test('given any frames and flushes, when the records are opened, then the bytes are the frames in order', () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.integer({ min: 0, max: 40_000 }) },
    { weight: 2, arbitrary: fc.constant('take' as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const outgoing = new Outgoing(sealer());
      const expected: Uint8Array[] = [];
      const chunks: Uint8Array[] = [];
      for (const [index, size] of steps.entries()) {
        if (size === 'take') {
          chunks.push(...outgoing.take());
          assert.equal(outgoing.bytes, 0);
          continue;
        }
        const payload = new Uint8Array(size).fill(index + 1);
        outgoing.append(MSG, index, index, payload);
        expected.push(encodeFrame(MSG, index, index, payload));
        payload.fill(0);
      }
      chunks.push(...outgoing.take());
      assert.deepEqual(opened(chunks), Buffer.concat(expected));
    }),
    { numRuns: 60 },
  );
});

test('given many small frames, when they are taken, then they are one record and one chunk', () => {
  const outgoing = new Outgoing(sealer());
  for (let sequence = 0; sequence < 200; sequence += 1) {
    outgoing.append(MSG, 1, sequence, new Uint8Array(300));
  }
  assert.equal(outgoing.take().length, 1);
  assert.deepEqual(outgoing.take(), []);
});

test('given a frame that no record carries, when it is queued, then RangeError and nothing is lost', () => {
  const outgoing = new Outgoing(sealer());
  outgoing.append(MSG, 1, 1, new Uint8Array(3));
  assert.throws(() => outgoing.append(MSG, 1, 2, new Uint8Array(65_519)), RangeError);
  assert.deepEqual(opened(outgoing.take()), Buffer.from(encodeFrame(MSG, 1, 1, new Uint8Array(3))));
});

test('given no sealer, when frames are taken, then they are as they were', () => {
  const outgoing = new Outgoing(undefined);
  outgoing.append(MSG, 1, 1, new Uint8Array([7]));
  outgoing.append(MSG, 2, 2, new Uint8Array([8]));
  const expected = [encodeFrame(MSG, 1, 1, new Uint8Array([7])), encodeFrame(MSG, 2, 2, new Uint8Array([8]))];
  assert.deepEqual(Buffer.concat(outgoing.take()), Buffer.concat(expected));
});
