import { concatBytes, fromHex, toHex, utf8 } from '../../src/protocol/bytes.ts';
import { encodeFrame, FrameError, type FrameErrorKind } from '../../src/protocol/frames/frame.ts';
import { FrameDecoder } from '../../src/protocol/frames/frame-decoder.ts';
import { FRAME, FRAME_TYPES, type FrameName } from '../../src/protocol/frames/frame-types.ts';
import { encodeJson } from '../../src/protocol/json/json.ts';
import { LIMITS } from '../../src/protocol/limits.ts';
import { encodeVarint64 } from '../../src/protocol/varint.ts';
import { SAMPLE_PAYLOADS } from './frame-samples.ts';
import {
  insist,
  joinPieces,
  type Piece,
  piecesJson,
  type VectorCase,
  type VectorFile,
} from './vector-file.ts';

const MAX = LIMITS.MAX_SEQUENCE;

function everyType(): VectorCase[] {
  return (Object.keys(FRAME) as FrameName[]).map((name, index) => {
    const sample = SAMPLE_PAYLOADS[name];
    const payload = sample instanceof Uint8Array ? sample : encodeJson(sample);
    const [channel, sequence] = [name === 'HELLO' || name === 'AUTH' ? 0 : 700 + index, 3 + index];
    const text = FRAME_TYPES[FRAME[name]]?.payload === 'json' ? new TextDecoder().decode(payload) : undefined;
    return encoded(name, FRAME[name], channel, sequence, payload, text);
  });
}

function encoded(
  name: string,
  type: number,
  channel: number,
  sequence: number,
  payload: Uint8Array,
  text?: string,
): VectorCase {
  const frame = encodeFrame(type, channel, sequence, payload);
  const shown = text === undefined ? { payload: toHex(payload) } : { payload: toHex(payload), text };
  return { name, op: 'encode', type, channel, sequence, ...shown, frame: toHex(frame) };
}

/** Numbers and lengths around the places where a varint grows. */
function boundaries(): VectorCase[] {
  const numbers = [0, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455, 268_435_456, MAX];
  return [
    ...numbers.map((n) => encoded(`channel and sequence ${n}`, FRAME.MSG, n, n, utf8('mew'))),
    ...[0, 1, 123, 124, 127, 128].map((n) =>
      encoded(`payload of ${n} bytes`, FRAME.MSG, 5, 6, new Uint8Array(n).fill(0x2e)),
    ),
  ];
}

/** Long frames, in pieces: a length that relays take, and the longest JSON. */
function longFrames(): VectorCase[] {
  const relayed = { repeat: fromHex('c47a'), times: 32_751 };
  const spaces = { repeat: utf8(' '), times: LIMITS.MAX_CONTROL_JSON - 2 };
  return [
    longFrame('largest payload that fits one record with any numbers', FRAME.MSG, [relayed]),
    longFrame('largest JSON payload', FRAME.PRESENCE, [utf8('{'), spaces, utf8('}')]),
  ];
}

function longFrame(name: string, type: number, payload: readonly Piece[]): VectorCase {
  const bytes = joinPieces(payload);
  const frame = encodeFrame(type, MAX, MAX, bytes);
  const head = frame.subarray(0, frame.length - bytes.length);
  return {
    name,
    op: 'encode',
    type,
    channel: MAX,
    sequence: MAX,
    payload: piecesJson(payload),
    frame: piecesJson([head, ...payload]),
  };
}

/** What no writer writes and every reader reads: hex of the frame, type, channel, sequence, payload. */
const TOLERATED: ReadonlyArray<readonly [string, string, number, number, number, string]> = [
  ['length prefix in three bytes', '878000050709036d6577', FRAME.MSG, 7, 9, '6d6577'],
  ['channel in two bytes', '0805870009036d6577', FRAME.MSG, 7, 9, '6d6577'],
  ['payload length in ten bytes', '10050709838080808080808080006d6577', FRAME.MSG, 7, 9, '6d6577'],
  ['bytes behind the payload', '0a050709036d6577dead00', FRAME.MSG, 7, 9, '6d6577'],
];

const REFUSED: ReadonlyArray<readonly [string, FrameErrorKind, string]> = [
  ['length prefix without end', 'varint_overflow', '80808080808080808080'],
  ['body of 16 MiB and one byte, seen before it arrives', 'frame_too_large', '81808008'],
  ['length prefix of 2^64 - 1', 'frame_too_large', 'ffffffffffffffffff01'],
  ['empty body', 'empty_body', '00'],
  ['type 0x00', 'unknown_type', '0400010200'],
  ['type 0x15', 'unknown_type', '0415010200'],
  ['type 0xff', 'unknown_type', '04ff010200'],
  ['body ends behind the type', 'truncated_body', '0105'],
  ['body ends inside the channel', 'truncated_body', '0305ffff'],
  ['channel 2^32', 'channel_too_large', '080580808080100900'],
  ['channel without end', 'varint_overflow', '0b05ffffffffffffffffffff'],
  ['body ends behind the channel', 'truncated_body', '020507'],
  ['sequence 2^32', 'sequence_too_large', '080507808080801000'],
  ['body ends behind the sequence', 'truncated_body', '03050709'],
  ['payload length above 16 MiB', 'payload_too_large', '0705070981808008'],
  ['payload reaches beyond the body', 'truncated_body', '06050709036d65'],
];

const INCOMPLETE: ReadonlyArray<readonly [string, string]> = [
  ['nothing', ''],
  ['half a length prefix', '87'],
  ['only the length prefix', '07'],
  ['all but the last byte', '07050709036d65'],
];

/** The encoder's own refusals. */
const UNWRITABLE: ReadonlyArray<readonly [string, FrameErrorKind, number, number, number]> = [
  ['write type 0x00', 'unknown_type', 0, 1, 1],
  ['write type 0x15', 'unknown_type', 0x15, 1, 1],
  ['write channel 2^32', 'channel_too_large', FRAME.MSG, 4_294_967_296, 1],
  ['write sequence 2^32', 'sequence_too_large', FRAME.MSG, 1, 4_294_967_296],
];

function tolerated([name, frame, type, channel, sequence, payload]: (typeof TOLERATED)[number]): VectorCase {
  const read = reader(fromHex(frame)).next();
  insist(read?.type === type && read.channel === channel && read.sequence === sequence, name);
  insist(toHex(read?.payload ?? new Uint8Array(0)) === payload, name);
  return { name, op: 'decode', frame, type, channel, sequence, payload };
}

function refused([name, error, bytes]: (typeof REFUSED)[number]): VectorCase {
  insist(errorOf(() => reader(fromHex(bytes)).next()) === error, name);
  return { name, op: 'refuse', bytes, error };
}

function tooMuchJson(): VectorCase {
  const name = 'JSON payload of 256 KiB and one byte';
  const length = LIMITS.MAX_CONTROL_JSON + 1;
  const field = encodeVarint64(BigInt(length));
  const body = concatBytes(fromHex('080001'), field);
  const head = concatBytes(encodeVarint64(BigInt(body.length + length)), body);
  const spaces = { repeat: utf8(' '), times: length - 2 };
  const whole = concatBytes(head, new Uint8Array(length));
  insist(errorOf(() => reader(whole).next()) === 'control_too_large', name);
  return {
    name,
    op: 'refuse',
    bytes: piecesJson([head, utf8('{'), spaces, utf8('}')]),
    error: 'control_too_large',
  };
}

function incomplete([name, bytes]: (typeof INCOMPLETE)[number]): VectorCase {
  insist(reader(fromHex(bytes)).next() === undefined, name);
  return { name, op: 'wait', bytes };
}

function unwritable([name, error, type, channel, sequence]: (typeof UNWRITABLE)[number]): VectorCase {
  insist(errorOf(() => encodeFrame(type, channel, sequence, new Uint8Array(0))) === error, name);
  return { name, op: 'refuse_to_encode', type, channel, sequence, error };
}

function reader(bytes: Uint8Array): FrameDecoder {
  const decoder = new FrameDecoder();
  decoder.push(bytes);
  return decoder;
}

function errorOf(run: () => unknown): FrameErrorKind | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof FrameError) return error.kind;
    throw error;
  }
}

export const frames: VectorFile = {
  about: 'Frames of every type, and bytes that are no frame.',
  section: '1.2 to 1.5',
  cases: () => [
    ...everyType(),
    ...boundaries(),
    ...longFrames(),
    ...TOLERATED.map(tolerated),
    ...REFUSED.map(refused),
    tooMuchJson(),
    ...INCOMPLETE.map(incomplete),
    ...UNWRITABLE.map(unwritable),
  ],
};
