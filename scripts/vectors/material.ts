import type { Random } from '../../src/ports/ports.ts';
import { concatBytes, utf8 } from '../../src/protocol/bytes.ts';
import { nobleBackend } from '../../src/protocol/noble-backend.ts';

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
