import { concatBytes, utf8 } from '../../src/protocol/bytes.ts';
import { nobleBackend } from '../../src/protocol/noble-backend.ts';
import type { Clock, Random } from '../../src/protocol/ports.ts';

/** Bytes with the look of randomness that are the same on every run: BLAKE3 of a label. Secrets of nobody. */
export function material(label: string, length = 32): Uint8Array {
  return nobleBackend.blake3(utf8(`commucat own vectors: ${label}`), length);
}

/** Hands out the given byte strings in order, and only them. */
export function scriptedRandom(...values: readonly Uint8Array[]): Random {
  const left = [...values];
  return {
    bytes: (length) => {
      const next = left.shift();
      if (next?.length !== length) throw new Error(`the script has no ${length} random bytes here`);
      return concatBytes(next);
    },
  };
}

/** A clock that stands still, for code that only asks for the time. */
export function stoppedClock(seconds: number): Clock {
  const refuse = (): never => {
    throw new Error('a vector must not need a timer');
  };
  return { now: () => seconds * 1000, monotonic: () => 0, after: refuse, soon: refuse };
}
