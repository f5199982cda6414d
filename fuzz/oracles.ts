import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { CommuCatError } from '../src/protocol/frames/errors.ts';

/** What a reader made of hostile bytes: a value, or one of our own errors. */
export type Outcome<T> =
  | { readonly value: T; readonly error?: undefined }
  | { readonly value?: undefined; readonly error: CommuCatError };

/** Runs a reader. Only errors of ours may come out of it: anything else, a TypeError say, is a finding. */
export function attempt<T>(read: () => T): Outcome<T> {
  return attemptWith(CommuCatError, read);
}

/** As `attempt`, for a reader with an error class of its own. */
export function attemptWith<T, E extends Error>(
  known: abstract new (...args: never[]) => E,
  read: () => T,
): { readonly value: T; readonly error?: undefined } | { readonly value?: undefined; readonly error: E } {
  try {
    return { value: read() };
  } catch (error) {
    if (error instanceof known) return { error };
    throw error;
  }
}

/** Cuts into chunks of 1 to 16 bytes, now and then of up to 240; the same for the same seed. */
export function* chunksOf(bytes: Uint8Array, seed: number): Generator<Uint8Array> {
  let state = seed * 2 + 1;
  for (let from = 0; from < bytes.length; ) {
    state = (Math.imul(state, 0x0019660d) + 0x3c6ef35f) >>> 0;
    const length = 1 + ((state >>> 24) & 0x0f) * (((state >>> 20) & 7) === 0 ? 16 : 1);
    yield bytes.slice(from, from + length);
    from += length;
  }
}

/** `deepEqual` that says which rule is broken. */
export function mustEqual(actual: unknown, expected: unknown, rule: string): void {
  if (isDeepStrictEqual(actual, expected)) return;
  try {
    assert.deepEqual(actual, expected);
  } catch (cause) {
    throw new Error(`${rule}\n${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

export function must(holds: boolean, rule: string): void {
  if (!holds) throw new Error(rule);
}
