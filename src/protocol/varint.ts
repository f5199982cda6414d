import { LIMITS } from './limits.ts';

/**
 * Unsigned LEB128 as in PROTOCOL.md 1.1: written in the fewest bytes, read in any spelling of at most ten bytes. Of the
 * tenth byte only the lowest bit counts, as in the reference, which shifts the others out of 64 bits.
 */

/** `readVarint`: the bytes end before the varint does. */
export const VARINT_INCOMPLETE = -1;
/** `readVarint`: ten bytes and still no end. */
export const VARINT_OVERFLOW = -2;

/** Where a reader stands; one object per reader, so that reading allocates nothing. */
export interface VarintCursor {
  offset: number;
}

/** Bytes that `writeVarint` takes for an integer in 0 … 2^53 - 1. */
export function varintLength(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  if (value < 0x8_0000_0000) return 5;
  if (value < 0x400_0000_0000) return 6;
  if (value < 0x2_0000_0000_0000) return 7;
  return 8;
}

/** Writes an integer in 0 … 2^53 - 1 and returns the offset behind it. The caller has checked range and room. */
export function writeVarint(into: Uint8Array, offset: number, value: number): number {
  let rest = value;
  let at = offset;
  while (rest > 0xffff_ffff) {
    into[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  while (rest > 0x7f) {
    into[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  into[at++] = rest;
  return at;
}

/**
 * Reads at `cursor.offset`, not beyond `end`, and moves the cursor behind the varint. Returns the value, exact up to
 * 2^53 and never too small above it (enough to compare with any limit), or VARINT_INCOMPLETE or VARINT_OVERFLOW with the
 * cursor where it was.
 */
export function readVarint(bytes: Uint8Array, cursor: VarintCursor, end: number): number {
  const start = cursor.offset;
  // Most varints are one byte: types apart, every field of a small frame.
  const first = bytes[start] ?? 0x80;
  if (first < 0x80 && start < end) {
    cursor.offset = start + 1;
    return first;
  }
  let value = 0;
  let scale = 1;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    const index = at - start;
    if (index === LIMITS.MAX_VARINT_BYTES - 1) {
      if (byte > 0x7f) return VARINT_OVERFLOW;
      cursor.offset = at + 1;
      return value + (byte & 1) * scale;
    }
    if (byte < 0x80) {
      cursor.offset = at + 1;
      return value + byte * scale;
    }
    value += (byte & 0x7f) * scale;
    scale *= 0x80;
  }
  return VARINT_INCOMPLETE;
}

/** The varint of a value in 0 … 2^64 - 1. Throws RangeError outside of it. */
export function encodeVarint64(value: bigint): Uint8Array {
  if (value < 0n || value > 0xffff_ffff_ffff_ffffn) throw new RangeError('a varint holds 0 to 2^64 - 1');
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

/** As `readVarint` from the start of `bytes`, for the whole range of 64 bits. */
export function decodeVarint64(
  bytes: Uint8Array,
): { readonly value: bigint; readonly consumed: number } | 'incomplete' | 'overflow' {
  const cursor = { offset: 0 };
  const read = readVarint(bytes, cursor, bytes.length);
  if (read === VARINT_INCOMPLETE) return 'incomplete';
  if (read === VARINT_OVERFLOW) return 'overflow';
  let value = 0n;
  for (let at = 0; at < cursor.offset; at++) value |= BigInt((bytes[at] ?? 0) & 0x7f) << BigInt(7 * at);
  return { value: BigInt.asUintN(64, value), consumed: cursor.offset };
}
