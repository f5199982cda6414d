/** Time and randomness reach the code only through these ports, so that one test can run all of it under a seed. */

/** Cancels a timer; calling it twice, or after the timer fired, is harmless. */
export type CancelTimer = () => void;

/** Time, for code that does not ask the system itself. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds on a clock that never goes back; only differences have a meaning. */
  monotonic(): number;
  /** Runs `callback` once after `delayMs`. The timer does not keep the process alive. */
  after(delayMs: number, callback: () => void): CancelTimer;
  /** Runs `callback` when the current turn of the event loop has handled its input. */
  soon(callback: () => void): void;
}

/** Random bytes, for code that does not ask the system itself. */
export interface Random {
  /** Fresh bytes from a CSPRNG. */
  bytes(length: number): Uint8Array;
}
