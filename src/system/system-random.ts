import { randomBytes } from 'node:crypto';
import type { Random } from '../ports/ports.ts';

/** The operating system's CSPRNG. */
export const systemRandom: Random = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
};
