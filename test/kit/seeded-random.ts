import type { Random } from '../../src/ports/ports.ts';
import { seededBytes } from '../vectors/seeded-bytes.ts';

/** A source that repeats itself with its seed: for tests only. */
export function seededRandom(seed: string): Random {
  let calls = 0;
  return {
    bytes: (length) => {
      calls += 1;
      return seededBytes(`${seed}/${calls}`, length);
    },
  };
}
