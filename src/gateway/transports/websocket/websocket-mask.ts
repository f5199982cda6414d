import { endianness } from 'node:os';

const LITTLE_ENDIAN = endianness() === 'LE';
/** From this length on a view of words costs less than it saves. */
const WORTH_WORDS = 64;

/**
 * Takes the mask off where the bytes lie (RFC 6455, 5.3).
 *
 * @param mask holds the four bytes of the mask, from `maskAt` on
 * @param phase position of the first byte in its frame, modulo 4
 */
export function unmask(bytes: Uint8Array, mask: Uint8Array, maskAt: number, phase: number): void {
  const { length } = bytes;
  let i = 0;
  if (length >= WORTH_WORDS) {
    // Bytes up to a word's boundary in memory, then whole words under the mask turned accordingly.
    const before = -bytes.byteOffset & 3;
    unmaskBytes(bytes, 0, before, mask, maskAt, phase);
    const word = maskWord(mask, maskAt, phase + before);
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset + before, (length - before) >>> 2);
    for (let at = 0; at < words.length; at += 1) words[at] = (words[at] ?? 0) ^ word;
    i = before + 4 * words.length;
  }
  unmaskBytes(bytes, i, length, mask, maskAt, phase);
}

/** The mask from this phase on, as a word of this machine's byte order. */
function maskWord(mask: Uint8Array, maskAt: number, phase: number): number {
  let word = 0;
  for (let byte = 0; byte < 4; byte += 1) {
    const shift = LITTLE_ENDIAN ? 8 * byte : 24 - 8 * byte;
    word |= (mask[maskAt + ((phase + byte) & 3)] ?? 0) << shift;
  }
  return word;
}

function unmaskBytes(
  bytes: Uint8Array,
  from: number,
  to: number,
  mask: Uint8Array,
  maskAt: number,
  phase: number,
): void {
  for (let i = from; i < to; i += 1) bytes[i] = (bytes[i] ?? 0) ^ (mask[maskAt + ((phase + i) & 3)] ?? 0);
}
