/**
 * A batch: all calls that one side of the port made in a turn of its event loop, one behind the other in one ArrayBuffer
 * that is transferred to the other thread. Numbers are little-endian. It begins with
 *
 *     0  u32  bytes that are used, these sixteen included
 *     8  f64  bytes of batches that the writer of this one has worked off so far, all together
 *
 * and each call with one byte that names it. Both sides are the same program: nothing here is a wire format.
 */
export const BATCH_HEADER_BYTES = 16;
/** Bytes of a session number, a mark or a count: 48 bits. */
export const NUMBER_BYTES = 6;

const CONSUMED_AT = 8;
const HIGH_UNIT = 2 ** 32;
const MAX_REASON_BYTES = 0xffff;
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

/** Where calls are written. `reserve` may change `view` and `bytes`. */
export interface BatchSpace {
  /** Takes `length` bytes and returns where they begin. */
  reserve(length: number): number;
  readonly view: DataView;
  readonly bytes: Uint8Array;
}

export function writeHeader(view: DataView, used: number, consumed: number): void {
  view.setUint32(0, used, true);
  view.setFloat64(CONSUMED_AT, consumed, true);
}

export function usedBytes(batch: DataView): number {
  return batch.getUint32(0, true);
}

export function consumedBytes(batch: DataView): number {
  return batch.getFloat64(CONSUMED_AT, true);
}

/** @param value a whole number from 0 to 2^48 - 1 */
export function writeNumber(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint16(at + 4, value / HIGH_UNIT, true);
}

export function readNumber(view: DataView, at: number): number {
  return view.getUint16(at + 4, true) * HIGH_UNIT + view.getUint32(at, true);
}

/** An op, its session and nothing else, or one more number. */
export function writeCall(space: BatchSpace, op: number, session: number): void {
  const at = space.reserve(1 + NUMBER_BYTES);
  space.view.setUint8(at, op);
  writeNumber(space.view, at + 1, session);
}

export function writeCallWithNumber(space: BatchSpace, op: number, session: number, value: number): void {
  const at = space.reserve(1 + 2 * NUMBER_BYTES);
  space.view.setUint8(at, op);
  writeNumber(space.view, at + 1, session);
  writeNumber(space.view, at + 1 + NUMBER_BYTES, value);
}

/** A longer reason is cut: it is a word for logs and metrics. */
export function writeCallWithReason(space: BatchSpace, op: number, session: number, reason: string): void {
  const text = ENCODER.encode(reason).subarray(0, MAX_REASON_BYTES);
  const at = space.reserve(3 + NUMBER_BYTES + text.length);
  space.view.setUint8(at, op);
  writeNumber(space.view, at + 1, session);
  space.view.setUint16(at + 1 + NUMBER_BYTES, text.length, true);
  space.bytes.set(text, at + 3 + NUMBER_BYTES);
}

/** `at`: behind the session number. */
export function reasonBytes(view: DataView, at: number): number {
  return view.getUint16(at, true);
}

export function readReason(view: DataView, at: number): string {
  return DECODER.decode(new Uint8Array(view.buffer, at + 2, reasonBytes(view, at)));
}

/** Bytes of a call with a frame before its payload. */
export const FRAME_HEAD_BYTES = 14 + NUMBER_BYTES;
/** Behind the session number: type, channel, sequence, payload length. */
export const TYPE_AT = 1 + NUMBER_BYTES;
export const CHANNEL_AT = TYPE_AT + 1;
export const SEQUENCE_AT = CHANNEL_AT + 4;
export const LENGTH_AT = SEQUENCE_AT + 4;

/**
 * Writes a call with a frame, its payload left out, and `extra` bytes of room behind it. Returns where those begin.
 *
 * @param channel and sequence: whole numbers from 0 to 2^32 - 1
 */
export function writeFrameHead(
  space: BatchSpace,
  op: number,
  session: number,
  type: number,
  channel: number,
  sequence: number,
  length: number,
  extra: number,
): number {
  const at = space.reserve(FRAME_HEAD_BYTES + extra);
  const { view } = space;
  view.setUint8(at, op);
  writeNumber(view, at + 1, session);
  view.setUint8(at + TYPE_AT, type);
  view.setUint32(at + CHANNEL_AT, channel, true);
  view.setUint32(at + SEQUENCE_AT, sequence, true);
  view.setUint32(at + LENGTH_AT, length, true);
  return at + FRAME_HEAD_BYTES;
}
