import assert from 'node:assert/strict';
import { CommuCatError } from '../../src/protocol/frames/errors.ts';
import { encodeFrame, type Frame, FrameError, type FrameErrorKind } from '../../src/protocol/frames/frame.ts';
import { FrameDecoder } from '../../src/protocol/frames/frame-decoder.ts';
import { FRAME, frameTypeOf } from '../../src/protocol/frames/frame-types.ts';
import { canonicalJson, JsonError, parseJson } from '../../src/protocol/json/json.ts';
import { decodeVarint64, encodeVarint64, varintLength, writeVarint } from '../../src/protocol/varint.ts';
import { seededBytes, sha256Hex } from './seeded-bytes.ts';
import { bytes, eachCase, number, text, type VectorCase, type VectorSuite } from './suite.ts';

/** `ccp1-frames.json`: varints, frames, the JSON inside them. */
export const frames: VectorSuite = {
  file: 'ccp1-frames.json',
  run(document, report) {
    eachCase(document, report, (vector) => {
      const operation = OPERATIONS[text(vector, 'op')];
      if (operation === undefined) throw new Error(`unknown op ${text(vector, 'op')}`);
      operation(vector);
      return 'checked';
    });
  },
};

const OPERATIONS: Readonly<Record<string, (vector: VectorCase) => void>> = {
  varint: checkVarint,
  varint_decode: checkVarintDecode,
  roundtrip: checkRoundtrip,
  encode_error: checkRoundtrip,
  decode: (vector) => checkDecode(vector, bytes(vector, 'hex')),
  json_repeat: checkRepeat,
  json_nest: checkNest,
  stream: checkStream,
};

/** Error classes of the reference and ours. `UnexpectedEof` is not here: see `checkDecode`. */
const KINDS: Readonly<Record<string, FrameErrorKind>> = {
  InvalidFrameType: 'unknown_type',
  VarintOverflow: 'varint_overflow',
  FrameTooLarge: 'frame_too_large',
  PayloadTooLarge: 'payload_too_large',
  ControlTooLarge: 'control_too_large',
  ChannelIdTooLarge: 'channel_too_large',
  SequenceTooLarge: 'sequence_too_large',
};

const utf8 = new TextEncoder();

function checkVarint(vector: VectorCase): void {
  const value = BigInt(text(vector, 'value'));
  const expected = bytes(vector, 'hex');
  assert.deepEqual(encodeVarint64(value), expected);
  assert.deepEqual(decodeVarint64(expected), { value, consumed: expected.length });
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) return;
  const written = new Uint8Array(varintLength(Number(value)));
  assert.equal(writeVarint(written, 0, Number(value)), written.length);
  assert.deepEqual(written, expected);
}

function checkVarintDecode(vector: VectorCase): void {
  const outcome = decodeVarint64(bytes(vector, 'hex'));
  if (vector.ok === true) {
    assert.deepEqual(outcome, { value: BigInt(text(vector, 'value')), consumed: number(vector, 'consumed') });
    return;
  }
  assert.equal(outcome, vector.error === 'VarintOverflow' ? 'overflow' : 'incomplete');
}

/** Also the cases where the encoder must refuse. */
function checkRoundtrip(vector: VectorCase): void {
  const payload = payloadOf(vector);
  const encode = (): Uint8Array =>
    encodeFrame(number(vector, 'type'), number(vector, 'channel'), number(vector, 'sequence'), payload);
  if (vector.ok !== true) {
    assert.throws(encode, isRefusal(text(vector, 'error')));
    return;
  }
  const encoded = encode();
  checkEncoding(vector, encoded);
  const [frame] = decodeAll([encoded]).frames;
  assert.deepEqual(frame, {
    type: number(vector, 'type'),
    channel: number(vector, 'channel'),
    sequence: number(vector, 'sequence'),
    payload,
  });
  if (typeof vector.type_name === 'string') {
    assert.equal(frameTypeOf(number(vector, 'type'))?.name, vector.type_name);
  }
  // The reference emits canonical JSON, so ours must be the same text.
  if (vector.payload_kind === 'json') {
    assert.equal(canonicalJson(parseJson(payload)), text(vector, 'payload_text'));
  }
}

function checkEncoding(vector: VectorCase, encoded: Uint8Array): void {
  if (typeof vector.hex === 'string') assert.deepEqual(encoded, bytes(vector, 'hex'));
  if (typeof vector.encoded_len === 'number') assert.equal(encoded.length, vector.encoded_len);
  if (typeof vector.encoded_sha256 === 'string') assert.equal(sha256Hex(encoded), vector.encoded_sha256);
  if (typeof vector.encoded_head_hex === 'string') {
    assert.deepEqual(encoded.subarray(0, 16), bytes(vector, 'encoded_head_hex'));
  }
}

/** The payload of a case, in whichever of the three ways it is given. */
function payloadOf(vector: VectorCase): Uint8Array {
  if (typeof vector.payload_text === 'string') return utf8.encode(vector.payload_text);
  if (typeof vector.payload_hex === 'string') return bytes(vector, 'payload_hex');
  return seededBytes(text(vector, 'payload_seed'), number(vector, 'payload_len'));
}

/**
 * Decodes in one piece, byte by byte, and with foreign bytes behind.
 *
 * The reference says `UnexpectedEof` both when the tail has not arrived and when a complete body ends inside a field; it
 * then waits forever. Ours waits in the first case and refuses in the second.
 */
function checkDecode(vector: VectorCase, input: Uint8Array): void {
  for (const chunks of [[input], Array.from(input, (byte) => Uint8Array.of(byte))]) {
    const { frames: decoded, error, consumed } = decodeAll(chunks, true);
    if (vector.ok === true) {
      const [frame] = decoded;
      assert.ok(frame, 'no frame was decoded');
      checkFrame(vector, frame);
      if (typeof vector.consumed === 'number') assert.equal(consumed, vector.consumed);
      continue;
    }
    assert.equal(decoded.length, 0, 'a frame was decoded');
    if (text(vector, 'error') !== 'UnexpectedEof') {
      assert.ok(isRefusal(text(vector, 'error'))(error), `got ${error}`);
    } else if (isComplete(input)) assert.match(kindOf(error), /^(?:empty|truncated)_body$/);
    else assert.equal(error, undefined);
  }
}

function checkFrame(vector: VectorCase, frame: Frame): void {
  for (const key of ['type', 'channel', 'sequence'] as const) {
    if (typeof vector[key] === 'number') assert.equal(frame[key], vector[key]);
  }
  if (typeof vector.payload_text === 'string' || typeof vector.payload_hex === 'string') {
    assert.deepEqual(Uint8Array.from(frame.payload), payloadOf(vector));
  }
  if (typeof vector.canonical_text === 'string') {
    assert.equal(canonicalJson(parseJson(frame.payload)), vector.canonical_text);
  }
}

/** True when prefix and body are all there, so that waiting could not help. */
function isComplete(input: Uint8Array): boolean {
  const prefix = decodeVarint64(input);
  return typeof prefix !== 'string' && BigInt(input.length - prefix.consumed) >= prefix.value;
}

function checkRepeat(vector: VectorCase): void {
  const json =
    text(vector, 'prefix') + text(vector, 'repeat').repeat(number(vector, 'count')) + text(vector, 'suffix');
  if (vector.direction === 'encode') checkRoundtrip({ ...vector, payload_text: json, payload_kind: 'json' });
  else checkDecode({ ...vector, payload_text: json }, rawFrame(vector, utf8.encode(json)));
}

function checkNest(vector: VectorCase): void {
  const count = number(vector, 'count');
  const middle = typeof vector.middle === 'string' ? vector.middle : '';
  const json = text(vector, 'open').repeat(count) + middle + text(vector, 'close').repeat(count);
  checkDecode({ ...vector, payload_text: json }, rawFrame(vector, utf8.encode(json)));
}

/** A frame around a payload that our own encoder may refuse: it is built as an opaque one and its type set after that. */
function rawFrame(vector: VectorCase, payload: Uint8Array): Uint8Array {
  const frame = encodeFrame(FRAME.MSG, number(vector, 'channel'), number(vector, 'sequence'), payload);
  const prefix = decodeVarint64(frame);
  assert.notEqual(typeof prefix, 'string');
  if (typeof prefix !== 'string') frame[prefix.consumed] = number(vector, 'type');
  return frame;
}

function checkStream(vector: VectorCase): void {
  const input = bytes(vector, 'hex');
  const expected = vector.frames as readonly VectorCase[];
  const { frames: decoded, error, consumed } = decodeAll([input]);
  assert.equal(decoded.length, expected.length);
  for (const [index, frame] of decoded.entries()) checkFrame(expected[index] ?? {}, frame);
  const rest = vector.rest_error;
  if (typeof rest !== 'string') assert.equal(consumed, input.length);
  else if (rest !== 'UnexpectedEof') assert.ok(isRefusal(rest)(error), `got ${error}`);
  else if (isComplete(input.subarray(number(vector, 'rest_offset')))) assert.match(kindOf(error), /_body$/);
  else {
    assert.equal(error, undefined);
    assert.equal(consumed, number(vector, 'rest_offset'));
  }
}

interface Decoded {
  readonly frames: readonly Frame[];
  readonly error: unknown;
  /** Bytes of the frames. */
  readonly consumed: number;
}

/** Decodes as a session does: frames first, then the JSON of those types that carry it. */
function decodeAll(chunks: readonly Uint8Array[], onlyFirst = false): Decoded {
  const decoder = new FrameDecoder();
  const decoded: Frame[] = [];
  let pushed = 0;
  const result = (error: unknown): Decoded => ({
    frames: decoded,
    error,
    consumed: pushed - decoder.buffered,
  });
  try {
    for (const chunk of chunks) {
      decoder.push(chunk);
      pushed += chunk.length;
      for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
        if (frameTypeOf(frame.type)?.payload === 'json') parseJson(frame.payload);
        decoded.push(frame);
        if (onlyFirst) return result(undefined);
      }
    }
  } catch (error) {
    if (!(error instanceof CommuCatError)) throw error;
    return result(error);
  }
  return result(undefined);
}

function isRefusal(expected: string): (error: unknown) => boolean {
  if (expected === 'InvalidControlJson') return (error) => error instanceof JsonError;
  return (error) => error instanceof FrameError && error.kind === KINDS[expected];
}

function kindOf(error: unknown): string {
  return error instanceof FrameError ? error.kind : String(error);
}
