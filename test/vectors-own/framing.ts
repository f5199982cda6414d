import assert from 'node:assert/strict';
import { toHex, utf8 } from '../../src/protocol/bytes.ts';
import { encodeFrame, FrameError } from '../../src/protocol/frames/frame.ts';
import { FrameDecoder } from '../../src/protocol/frames/frame-decoder.ts';
import { canonicalJson, JsonError, parseJson, parseJsonText } from '../../src/protocol/json/json.ts';
import { serialAfter, serialDistance, serialNext } from '../../src/protocol/serial.ts';
import { decodeVarint64, encodeVarint64 } from '../../src/protocol/varint.ts';
import type { CaseReader } from '../vectors/case-reader.ts';
import { bytesOf } from './committed.ts';

/** Reads what was written and writes what was read; fails for an `op` that nobody knows. */
export function checkVarint(vector: CaseReader): void {
  const decoded = decodeVarint64(vector.hex('bytes'));
  switch (vector.text('op')) {
    case 'write':
    case 'read': {
      const value = BigInt(vector.text('value'));
      assert.deepEqual(decoded, { value, consumed: vector.hex('bytes').length });
      const shortest = toHex(encodeVarint64(value));
      assert.equal(shortest === vector.text('bytes'), vector.text('op') === 'write');
      return;
    }
    case 'refuse':
      assert.equal(decoded, vector.text('error'));
      return;
    default:
      assert.fail('unknown op');
  }
}

export function checkFrame(vector: CaseReader): void {
  switch (vector.text('op')) {
    case 'encode':
    case 'decode':
      checkReadable(vector);
      return;
    case 'refuse':
      for (const step of [1, 7, Number.POSITIVE_INFINITY]) {
        assert.throws(() => decode(bytesOf(vector, 'bytes'), step), {
          kind: vector.text('error'),
        });
      }
      return;
    case 'wait':
      assert.deepEqual(decode(vector.hex('bytes'), 1), []);
      return;
    case 'refuse_to_encode': {
      const [type, channel, sequence] = fieldsOf(vector);
      const write = () => encodeFrame(type, channel, sequence, new Uint8Array(0));
      assert.throws(write, (error) => error instanceof FrameError && error.kind === vector.text('error'));
      return;
    }
    default:
      assert.fail('unknown op');
  }
}

function checkReadable(vector: CaseReader): void {
  const bytes = bytesOf(vector, 'frame');
  const payload = bytesOf(vector, 'payload');
  const [type, channel, sequence] = fieldsOf(vector);
  for (const step of [1, 5, Number.POSITIVE_INFINITY]) {
    const [frame, ...more] = decode(bytes, step);
    assert.equal(more.length, 0);
    assert.deepEqual([frame?.type, frame?.channel, frame?.sequence], [type, channel, sequence]);
    assert.deepEqual(new Uint8Array(frame?.payload ?? []), payload);
  }
  const rewritten = toHex(encodeFrame(type, channel, sequence, payload));
  assert.equal(rewritten === toHex(bytes), vector.text('op') === 'encode');
  if (!vector.has('text')) return;
  assert.deepEqual(utf8(vector.text('text')), payload);
  assert.doesNotThrow(() => parseJson(payload));
}

function fieldsOf(vector: CaseReader): [number, number, number] {
  return [vector.number('type'), vector.number('channel'), vector.number('sequence')];
}

/** All frames of a stream that arrives in chunks of `step` bytes. */
export function decode(bytes: Uint8Array, step: number) {
  const decoder = new FrameDecoder();
  const frames = [];
  for (let at = 0; at < bytes.length; at += step) {
    decoder.push(bytes.subarray(at, Math.min(bytes.length, at + step)));
    for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) frames.push(frame);
  }
  return frames;
}

export function checkJson(vector: CaseReader): void {
  const bytes = vector.has('text') ? utf8(vector.text('text')) : bytesOf(vector, 'bytes');
  if (!vector.flag('valid')) {
    assert.throws(() => parseJson(bytes), JsonError);
    return;
  }
  const parsed = parseJson(bytes);
  if (!vector.has('canonical')) return;
  assert.equal(canonicalJson(parsed), vector.text('canonical'));
  assert.deepEqual(parseJsonText(vector.text('canonical')), parsed);
}

export function checkSerial(vector: CaseReader): void {
  if (vector.text('op') === 'next') {
    assert.equal(serialNext(vector.number('value')), vector.number('next'));
    assert.ok(serialAfter(vector.number('next'), vector.number('value')));
    return;
  }
  const [a, b] = [vector.number('a'), vector.number('b')];
  assert.equal(serialAfter(a, b), vector.flag('a_after_b'));
  assert.equal(serialDistance(b, a), vector.number('steps_from_b_to_a'));
  // Nobody is on both sides: at most one of two different numbers comes after the other.
  if (vector.flag('a_after_b')) assert.ok(!serialAfter(b, a));
}
