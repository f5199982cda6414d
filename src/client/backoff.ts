import type { Random } from '../protocol/ports.ts';

export interface ReconnectOptions {
  /** Upper bound of the first delay in milliseconds. @default 250 */
  readonly initialDelay?: number;
  /** Upper bound of every delay in milliseconds. @default 30000 */
  readonly maxDelay?: number;
  /** Whether a first connection that fails is tried again like a later one. @default false */
  readonly first?: boolean;
}

const INITIAL_DELAY_MS = 250;
const MAX_DELAY_MS = 30_000;

/**
 * Milliseconds to wait before attempt `attempt` (0 is the first retry): exponential with full jitter, uniform in
 * 0 … min(maxDelay, initialDelay · 2^attempt), so that clients that lost a server together do not come back together.
 */
export function backoffDelay(random: Random, attempt: number, options: ReconnectOptions): number {
  const { initialDelay = INITIAL_DELAY_MS, maxDelay = MAX_DELAY_MS } = options;
  const bound = Math.min(maxDelay, initialDelay * 2 ** Math.min(attempt, 30));
  return Math.floor(fraction(random) * bound);
}

/** Uniform in [0, 1). */
function fraction(random: Random): number {
  const bytes = random.bytes(4);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) / 2 ** 32;
}
