import { fromHex, toHex } from '../../src/protocol/bytes.ts';
import { decodeVarint64, encodeVarint64 } from '../../src/protocol/varint.ts';
import { insist, type VectorCase, type VectorFile } from './vector-file.ts';

/** The ends of every length, and a few in between. */
const VALUES: readonly bigint[] = [
  0n,
  1n,
  99n,
  ...[7n, 14n, 21n, 28n, 35n, 42n, 49n, 56n, 63n].flatMap((bits) => [(1n << bits) - 1n, 1n << bits]),
  51_966n,
  16_777_216n,
  4_294_967_295n,
  4_294_967_296n,
  9_007_199_254_740_991n,
  9_007_199_254_740_993n,
  18_446_744_073_709_551_615n,
];

/** Spellings that a writer must not use and a reader must accept. */
const LONGER: ReadonlyArray<readonly [name: string, hex: string, value: bigint]> = [
  ['zero in two bytes', '8000', 0n],
  ['zero in ten bytes', '80808080808080808000', 0n],
  ['77 in three bytes', 'cd8000', 77n],
  ['300 in four bytes', 'ac828000', 300n],
  ['bits of the tenth byte beyond the 64th are dropped', '8080808080808080807e', 0n],
  ['lowest bit of the tenth byte is the 64th', 'ffffffffffffffffff7f', 18_446_744_073_709_551_615n],
];

const INCOMPLETE: ReadonlyArray<readonly [name: string, hex: string]> = [
  ['no bytes', ''],
  ['one byte that announces another', '9a'],
  ['nine bytes that announce a tenth', 'ffffffffffffffffff'],
];

const OVERFLOW: ReadonlyArray<readonly [name: string, hex: string]> = [
  ['tenth byte announces another', '80808080808080808080'],
  ['eleven bytes', 'ffffffffffffffffffff00'],
];

function written(value: bigint): VectorCase {
  return { name: `write ${value}`, op: 'write', value: String(value), bytes: toHex(encodeVarint64(value)) };
}

function read([name, hex, value]: readonly [string, string, bigint]): VectorCase {
  const decoded = decodeVarint64(fromHex(hex));
  insist(typeof decoded === 'object' && decoded.value === value, name);
  return { name, op: 'read', bytes: hex, value: String(value) };
}

function refused(error: 'incomplete' | 'overflow'): (entry: readonly [string, string]) => VectorCase {
  return ([name, hex]) => {
    insist(decodeVarint64(fromHex(hex)) === error, name);
    return { name, op: 'refuse', bytes: hex, error };
  };
}

export const varints: VectorFile = {
  about: 'Varints: shortest forms, longer forms that readers accept, and what is no varint.',
  section: '1.1',
  cases: () => [
    ...VALUES.map(written),
    ...LONGER.map(read),
    ...INCOMPLETE.map(refused('incomplete')),
    ...OVERFLOW.map(refused('overflow')),
  ],
};
