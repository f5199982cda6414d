import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { toHex, utf8 } from '../bytes.ts';
import { LIMITS } from '../limits.ts';
import { encodeFrame, FrameError, type FrameErrorKind, frameLength, writeFrame } from './frame.ts';
import { FRAME, FRAME_TYPES, frameTypeOf } from './frame-types.ts';

function refuses(kind: FrameErrorKind): (error: unknown) => boolean {
  return (error) => error instanceof FrameError && error.kind === kind && error.code === 'FRAME_INVALID';
}

describe('given the examples of PROTOCOL.md 10.1', () => {
  const join = '{"members":["device-1","device-2"],"relay":true}';
  const examples = [
    [FRAME.LEAVE, 0, 1, '{}', '06040001027b7d'],
    [FRAME.MSG, 300, 4, 'hi', '0705ac0204026869'],
    [FRAME.ACK, 300, 3, '{"ack":3}', '0e06ac0203097b2261636b223a337d'],
    [FRAME.JOIN, 300, 3, join, `3503ac020330${toHex(utf8(join))}`],
  ] as const;
  for (const [type, channel, sequence, payload, hex] of examples) {
    test(`when ${payload} is encoded, then the bytes are those`, () => {
      assert.equal(toHex(encodeFrame(type, channel, sequence, utf8(payload))), hex);
    });
  }
});

describe('given room in a buffer', () => {
  test('when two frames are written one behind the other, then the offsets and lengths agree', () => {
    const payload = new Uint8Array(200).fill(7);
    const buffer = new Uint8Array(1000).fill(0xee);
    const first = writeFrame(buffer, 10, FRAME.MSG, 300, 2 ** 32 - 1, payload);
    const second = writeFrame(buffer, first, FRAME.MSG, 0, 0, payload);
    assert.equal(first - 10, frameLength(300, 2 ** 32 - 1, 200));
    assert.equal(second - first, frameLength(0, 0, 200));
    assert.deepEqual(buffer.slice(10, first), encodeFrame(FRAME.MSG, 300, 2 ** 32 - 1, payload));
    assert.equal(buffer[9], 0xee);
    assert.equal(buffer[second], 0xee);
  });

  test('when the room is one byte short, then nothing is written and a RangeError says so', () => {
    const payload = new Uint8Array(5);
    const buffer = new Uint8Array(frameLength(1, 1, 5) - 1).fill(0xee);
    assert.throws(() => writeFrame(buffer, 0, FRAME.MSG, 1, 1, payload), RangeError);
    assert.ok(buffer.every((byte) => byte === 0xee));
  });
});

describe('given fields beyond their limits', () => {
  const one = Uint8Array.of(1);
  for (const wrong of [-1, 2 ** 32, 1.5, Number.NaN]) {
    test(`when channel or sequence is ${wrong}, then the encoder refuses, channel first`, () => {
      assert.throws(() => encodeFrame(FRAME.MSG, wrong, wrong, one), refuses('channel_too_large'));
      assert.throws(() => encodeFrame(FRAME.MSG, 0, wrong, one), refuses('sequence_too_large'));
    });
  }

  test('when the type is unknown, then the encoder refuses', () => {
    for (const type of [0, 0x15, 0xff, -1, 1.5]) {
      assert.throws(() => encodeFrame(type, 0, 0, one), refuses('unknown_type'));
    }
  });

  test('when JSON is one byte too long, then the encoder refuses; an opaque payload of that length passes', () => {
    const payload = new Uint8Array(LIMITS.MAX_CONTROL_JSON + 1);
    assert.throws(() => encodeFrame(FRAME.GROUP_EVENT, 0, 0, payload), refuses('control_too_large'));
    assert.equal(encodeFrame(FRAME.MSG, 0, 0, payload).length, frameLength(0, 0, payload.length));
  });

  test('when payload or body exceed a frame, then the encoder tells which', () => {
    const payload = new Uint8Array(LIMITS.MAX_FRAME_LENGTH + 1);
    assert.throws(() => encodeFrame(FRAME.MSG, 0, 0, payload), refuses('payload_too_large'));
    assert.throws(() => encodeFrame(FRAME.MSG, 0, 0, payload.subarray(1)), refuses('frame_too_large'));
  });
});

describe('given the table of frame types', () => {
  test('then every code has one entry under itself, and durable frames are relayed', () => {
    const known = FRAME_TYPES.flatMap((type) => (type === undefined ? [] : [type]));
    assert.equal(known.length, Object.keys(FRAME).length);
    for (const type of known) {
      assert.equal(frameTypeOf(type.code), type);
      assert.equal(FRAME[type.name], type.code);
      assert.ok(type.relayed || !type.durable, type.name);
    }
  });

  test('then exactly the frames of PROTOCOL.md 11.2 are durable', () => {
    const durable = FRAME_TYPES.filter((type) => type?.durable).map((type) => type?.name);
    assert.deepEqual(durable, [
      'MSG',
      'KEY_UPDATE',
      'GROUP_CREATE',
      'GROUP_INVITE',
      'GROUP_EVENT',
      'CALL_OFFER',
      'CALL_END',
    ]);
  });
});
