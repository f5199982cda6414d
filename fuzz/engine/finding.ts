/** Something that does not hold for an input. */
export interface Finding {
  /** `failed`: the target threw. `slow`, `hang` and `memory`: it exceeds the bounds of `bounds.ts`. */
  readonly kind: 'failed' | 'slow' | 'hang' | 'memory';
  readonly message: string;
  readonly input: Uint8Array;
}

/** What may not be exceeded by one input. Generous: a busy machine must not look like a bug. */
export const BOUNDS = {
  /** An input that needs more than this of processor time, three times in a row, is slow. */
  SLOW_MS: 400,
  /** An input that needs more than this is a hang. */
  HANG_MS: 20_000,
  /** The heap of the fuzzing thread in MiB; far more than any input of the allowed length may cost. */
  HEAP_MIB: 512,
} as const;
