/** Byte strings without `Buffer`: this code also runs in a browser. */

const HEX_DIGITS = '0123456789abcdef';
const NOT_A_DIGIT = 0xff;
const EMPTY = new Uint8Array(0);

/** Value of the hex digit with that character code, or NOT_A_DIGIT. */
function digitValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  if (code >= 0x61 && code <= 0x66) return code - 0x57;
  if (code >= 0x41 && code <= 0x46) return code - 0x37;
  return NOT_A_DIGIT;
}

/** Lower-case hex of the bytes. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX_DIGITS.charAt(byte >> 4) + HEX_DIGITS.charAt(byte & 15);
  return text;
}

/**
 * Bytes of a hex string of even length; digits of either case (PROTOCOL.md "HELLO").
 *
 * @throws SyntaxError on an odd length or any other character. The message never contains the input, which may be a secret.
 */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0) throw new SyntaxError('hex string has an odd number of digits');
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i += 1) {
    const high = digitValue(text.charCodeAt(2 * i));
    const low = digitValue(text.charCodeAt(2 * i + 1));
    if (high === NOT_A_DIGIT || low === NOT_A_DIGIT) throw new SyntaxError('not a hex digit');
    bytes[i] = (high << 4) | low;
  }
  return bytes;
}

/**
 * A copy that shares no memory with `bytes`. `bytes.slice()` is not that: on a Node `Buffer` it gives a view, and what was
 * copied changes when the original is erased or reused.
 */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** A new array with the parts one after the other. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Compares in a time that depends on the lengths only: the way to compare anything secret. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i += 1) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

/** 4 bytes, little endian. `value` is an integer 0 … 2^32-1. */
export function u32le(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/** 8 bytes, little endian. `value` is an integer 0 … 2^53-1. */
export function u64le(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}

/** UTF-8 bytes of a string. */
export function utf8(text: string): Uint8Array {
  return text === '' ? EMPTY : new TextEncoder().encode(text);
}
