import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { concatBytes } from '../bytes.ts';
import { LIMITS } from '../limits.ts';
import { encodeVarint64 } from '../varint.ts';
import { encodeFrame, type Frame, FrameError, type FrameErrorKind } from './frame.ts';
import { FrameDecoder } from './frame-decoder.ts';
import { FRAME } from './frame-types.ts';

const FIRST = encodeFrame(FRAME.MSG, 300, 70_000, new Uint8Array(300).fill(1));
const SECOND = encodeFrame(FRAME.LEAVE, 0, 1, new TextEncoder().encode('{}'));
const THIRD = encodeFrame(FRAME.VOICE_FRAME, 2 ** 32 - 1, 2 ** 32 - 1, new Uint8Array(0));
const STREAM = concatBytes(FIRST, SECOND, THIRD);

function drain(decoder: FrameDecoder): Frame[] {
  const frames: Frame[] = [];
  for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) frames.push(frame);
  return frames;
}

function reencode(frames: readonly Frame[]): Uint8Array {
  return concatBytes(
    ...frames.map((frame) => encodeFrame(frame.type, frame.channel, frame.sequence, frame.payload)),
  );
}

function refuses(kind: FrameErrorKind): (error: unknown) => boolean {
  return (error) => error instanceof FrameError && error.kind === kind;
}

describe('given a stream of frames', () => {
  test('when it is cut into two chunks at any place, then the same frames come out', () => {
    for (let cut = 0; cut <= STREAM.length; cut++) {
      const decoder = new FrameDecoder();
      const frames: Frame[] = [];
      for (const chunk of [STREAM.subarray(0, cut), STREAM.subarray(cut)]) {
        decoder.push(chunk);
        frames.push(...drain(decoder));
      }
      assert.deepEqual(reencode(frames), STREAM, `cut at ${cut}`);
      assert.equal(decoder.buffered, 0);
    }
  });

  test('when all chunks are pushed before the first frame is asked for, then the same frames come out', () => {
    for (const size of [1, 2, 3, 7, 100, 305]) {
      const decoder = new FrameDecoder();
      for (let at = 0; at < STREAM.length; at += size) {
        decoder.push(STREAM.subarray(at, at + size));
        decoder.push(new Uint8Array(0));
      }
      assert.equal(decoder.buffered, STREAM.length);
      assert.deepEqual(reencode(drain(decoder)), STREAM, `chunks of ${size}`);
    }
  });

  test('when a frame lies in one chunk, then its payload is a view of that chunk', () => {
    const decoder = new FrameDecoder();
    decoder.push(STREAM);
    const frame = decoder.next();
    assert.equal(frame?.payload.buffer, STREAM.buffer);
  });

  test('when frames span chunks, then a later frame does not touch the payload of an earlier one', () => {
    const decoder = new FrameDecoder();
    const frames: Frame[] = [];
    for (const byte of concatBytes(FIRST, encodeFrame(FRAME.MSG, 1, 2, new Uint8Array(300).fill(9)))) {
      decoder.push(Uint8Array.of(byte));
      frames.push(...drain(decoder));
    }
    assert.deepEqual(
      frames.map((frame) => new Set(frame.payload)),
      [new Set([1]), new Set([9])],
    );
  });

  test('when the tail is missing, then the decoder waits and tells how much it holds', () => {
    const decoder = new FrameDecoder();
    decoder.push(STREAM.subarray(0, FIRST.length + 3));
    assert.equal(drain(decoder).length, 1);
    assert.equal(decoder.buffered, 3);
  });
});

describe('given bytes that can never become a frame', () => {
  const cases: ReadonlyArray<readonly [string, FrameErrorKind, number[]]> = [
    ['an empty body', 'empty_body', [0]],
    ['a body of a type alone', 'truncated_body', [1, 5]],
    ['a channel cut by the end of the body', 'truncated_body', [2, 5, 0x80, 0x01]],
    ['a missing payload length', 'truncated_body', [3, 5, 1, 1]],
    ['a payload that is longer than the body', 'truncated_body', [7, 5, 1, 1, 4, 97, 98, 99]],
    ['an unknown type', 'unknown_type', [4, 0x15, 0, 0, 0]],
    ['type zero', 'unknown_type', [4, 0, 0, 0, 0]],
    ['a prefix without end', 'varint_overflow', Array.from({ length: 10 }, () => 0xff)],
  ];
  for (const [name, kind, bytes] of cases) {
    test(`when it is ${name}, then it is refused, in one chunk or byte by byte, now and ever after`, () => {
      for (const chunks of [[Uint8Array.from(bytes)], bytes.map((byte) => Uint8Array.of(byte))]) {
        const decoder = new FrameDecoder();
        const read = (): void => {
          for (const chunk of chunks) {
            decoder.push(chunk);
            drain(decoder);
          }
        };
        assert.throws(read, refuses(kind));
        assert.throws(() => decoder.next(), refuses(kind));
        assert.throws(() => decoder.push(FIRST), refuses(kind));
      }
    });
  }

  test('when good frames come before it, then they are returned first', () => {
    const decoder = new FrameDecoder();
    decoder.push(concatBytes(STREAM, Uint8Array.of(0)));
    for (let count = 0; count < 3; count++) assert.ok(decoder.next());
    assert.throws(() => decoder.next(), refuses('empty_body'));
  });
});

describe('given limits', () => {
  test('when a prefix announces more than the limit, then it is refused before any byte of the body', () => {
    const decoder = new FrameDecoder({ maxFrameLength: 1000 });
    decoder.push(encodeVarint64(1001n));
    assert.throws(() => decoder.next(), refuses('frame_too_large'));
  });

  test('when a body has exactly the limit, then it passes', () => {
    const payload = new Uint8Array(1000 - 5);
    const decoder = new FrameDecoder({ maxFrameLength: 1000 });
    decoder.push(encodeFrame(FRAME.MSG, 0, 0, payload));
    assert.equal(decoder.next()?.payload.length, payload.length);
  });

  test('when somebody raises the limit, then the limit of the protocol still holds', () => {
    const decoder = new FrameDecoder({ maxFrameLength: Number.POSITIVE_INFINITY });
    decoder.push(encodeVarint64(BigInt(LIMITS.MAX_FRAME_LENGTH + 1)));
    assert.throws(() => decoder.next(), refuses('frame_too_large'));
  });

  test('when a huge frame is announced and hardly begun, then no memory of that size is taken', () => {
    const before = process.memoryUsage().arrayBuffers;
    const decoders = Array.from({ length: 64 }, () => {
      const decoder = new FrameDecoder();
      decoder.push(encodeVarint64(BigInt(LIMITS.MAX_FRAME_LENGTH)));
      decoder.push(Uint8Array.of(FRAME.MSG));
      drain(decoder);
      return decoder;
    });
    assert.ok(process.memoryUsage().arrayBuffers - before < LIMITS.MAX_FRAME_LENGTH);
    assert.equal(decoders.length, 64);
  });

  test('when a large frame arrives in pieces of any size, then it keeps at most twice what has arrived, throws nothing away while it grows, and the frame is whole', () => {
    const payload = new Uint8Array(1_000_000).map((_, index) => index % 251);
    const bytes = encodeFrame(FRAME.MSG, 7, 8, payload);
    for (const size of [1, 100, 4_096, 60_000, 700_000]) {
      const decoder = new FrameDecoder();
      for (let at = 0; at < bytes.length - 1; at += size) {
        const before = decoder.held;
        decoder.push(bytes.subarray(at, Math.min(at + size, bytes.length - 1)));
        assert.equal(decoder.next(), undefined);
        assert.ok(decoder.held >= before);
        assert.ok(decoder.held >= decoder.buffered && decoder.held <= 2 * decoder.buffered + 256);
        if (decoder.buffered > 200_000) assert.ok(decoder.held <= decoder.buffered + 65_536);
      }
      decoder.push(bytes.subarray(-1));
      assert.deepEqual(decoder.next(), { type: FRAME.MSG, channel: 7, sequence: 8, payload });
      assert.equal(decoder.held, 0);
    }
  });

  test('when it is told to let go, then it keeps nothing of what has begun', () => {
    const decoder = new FrameDecoder();
    decoder.push(encodeFrame(FRAME.MSG, 7, 8, new Uint8Array(10_000)).subarray(0, 9_000));
    drain(decoder);
    decoder.discard();
    assert.deepEqual([decoder.held, decoder.buffered], [0, 0]);
    const whole = encodeFrame(FRAME.MSG, 7, 9, Uint8Array.of(1));
    decoder.push(whole);
    assert.equal(decoder.next()?.sequence, 9);
  });
});
