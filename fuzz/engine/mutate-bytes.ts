import type { Dictionary } from './dictionary.ts';
import type { Prng } from './prng.ts';

/** Bytes at the edges of signed, unsigned, varint and UTF-8 ranges. */
const EDGES = [0x00, 0x01, 0x0f, 0x10, 0x20, 0x7f, 0x80, 0x81, 0xbf, 0xc0, 0xed, 0xf4, 0xfe, 0xff];
const MAX_COPY = 64;

type Mutation = (data: Buffer, prng: Prng, dictionary: Dictionary, other: Uint8Array) => Buffer;

function replaced(data: Buffer, at: number, remove: number, insert: Uint8Array): Buffer {
  return Buffer.concat([data.subarray(0, at), insert, data.subarray(Math.min(data.length, at + remove))]);
}

function changed(data: Buffer, prng: Prng, value: (old: number) => number): Buffer {
  if (data.length === 0) return Buffer.of(value(0) & 0xff);
  const at = prng.below(data.length);
  data[at] = value(data[at] ?? 0) & 0xff;
  return data;
}

function randomBytes(prng: Prng, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => prng.below(256)));
}

function integer(prng: Prng): Buffer {
  const width = 1 << prng.below(4);
  const bytes = Buffer.alloc(width, prng.below(2) === 0 ? 0x00 : 0xff);
  bytes[prng.below(width)] = prng.pick(EDGES) ?? 0;
  return bytes;
}

const MUTATIONS: readonly Mutation[] = [
  (data, prng) => changed(data, prng, (old) => old ^ (1 << prng.below(8))),
  (data, prng) => changed(data, prng, () => prng.below(256)),
  (data, prng) => changed(data, prng, () => prng.pick(EDGES) ?? 0),
  (data, prng) => changed(data, prng, (old) => old + 1 + prng.below(16)),
  (data, prng) => changed(data, prng, (old) => old - 1 - prng.below(16)),
  (data, prng) =>
    replaced(data, prng.below(data.length + 1), 1 + prng.below(data.length >> 1), Buffer.alloc(0)),
  (data, prng) => replaced(data, prng.below(data.length + 1), 0, randomBytes(prng, 1 + prng.below(16))),
  (data, prng) => {
    const from = prng.below(data.length);
    const piece = Buffer.from(data.subarray(from, from + 1 + prng.below(MAX_COPY)));
    return replaced(data, prng.below(data.length + 1), prng.below(2) * piece.length, piece);
  },
  (data, prng, dictionary) => {
    const token = dictionary.token(prng) ?? Buffer.alloc(0);
    return replaced(data, prng.below(data.length + 1), prng.below(2) * token.length, token);
  },
  (data, prng) => {
    const bytes = integer(prng);
    return replaced(data, prng.below(data.length + 1), prng.below(2) * bytes.length, bytes);
  },
  (data, prng, _dictionary, other) => {
    const from = prng.below(other.length);
    const piece = other.subarray(from, from + 1 + prng.below(other.length - from));
    return replaced(data, prng.below(data.length + 1), prng.below(2) * piece.length, piece);
  },
  (data, prng) => data.subarray(0, prng.below(data.length + 1)),
];

/** A few changes on top of each other, as AFL stacks them; never longer than `maxLength`. */
export function mutateBytes(
  data: Uint8Array,
  other: Uint8Array,
  prng: Prng,
  dictionary: Dictionary,
  maxLength: number,
): Uint8Array {
  let result: Buffer = Buffer.from(data);
  for (let left = 1 << prng.below(4); left > 0; left--) {
    const mutation = prng.pick(MUTATIONS);
    if (mutation !== undefined) result = mutation(result, prng, dictionary, other);
  }
  return result.subarray(0, maxLength);
}
