import { serialAfter, serialDistance, serialNext } from '../../src/protocol/serial.ts';
import { insist, type VectorCase, type VectorFile } from './vector-file.ts';

/** `a`, `b`, and whether `a` comes after `b`. */
const COMPARED: ReadonlyArray<readonly [a: number, b: number, after: boolean]> = [
  [1, 0, true],
  [0, 1, false],
  [0, 0, false],
  [512, 256, true],
  [4_294_967_295, 4_294_967_295, false],
  [0, 4_294_967_295, true],
  [4_294_967_295, 0, false],
  [17, 4_294_967_280, true],
  [4_294_967_280, 17, false],
  [2_147_483_647, 0, true],
  [2_147_483_648, 0, false],
  [0, 2_147_483_648, false],
  [2_147_483_649, 0, false],
  [0, 2_147_483_649, true],
  [3_000_000_000, 1_000_000_000, true],
  [3_147_483_648, 1_000_000_000, false],
  [1_000_000_000, 3_147_483_648, false],
];

function compared([a, b, after]: readonly [number, number, boolean]): VectorCase {
  const name = `${a} against ${b}`;
  insist(serialAfter(a, b) === after, name);
  return { name, op: 'compare', a, b, a_after_b: after, steps_from_b_to_a: serialDistance(b, a) };
}

function next(value: number): VectorCase {
  return { name: `behind ${value}`, op: 'next', value, next: serialNext(value) };
}

export const serials: VectorFile = {
  about: 'Serial numbers modulo 2^32, as inbox numbers and upstream sequences are compared.',
  section: '11.2, 11.3',
  cases: () => [...COMPARED.map(compared), ...[0, 1, 2_147_483_647, 4_294_967_294, 4_294_967_295].map(next)],
};
