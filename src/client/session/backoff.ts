import type { Random } from '../../ports/ports.ts';

/** When a client that lost its connection tries again. */
export interface ReconnectOptions {
  /** Upper bound of the first delay in milliseconds. @default 250 */
  readonly initialDelay?: number;
  /**
   * Upper bound of every delay in milliseconds; of those after what looks like a refusal for good, 20 times as much.
   *
   * @default 30000
   */
  readonly maxDelay?: number;
  /** Whether a first connection that fails is tried again like a later one. @default false */
  readonly first?: boolean;
}

const INITIAL_DELAY_MS = 250;
const MAX_DELAY_MS = 30_000;
const WARY_FACTOR = 20;
/** Ten minutes: who asks for more is mistaken, and nobody would look again for as long. */
const LONGEST_ASKED_MS = 600_000;
const SHORTEST_JITTER_MS = 1000;

/**
 * Milliseconds to wait before attempt `attempt` (0 is the first retry): exponential with full jitter, uniform in
 * 0 … min(maxDelay, initialDelay · 2^attempt), so that clients that lost a server together do not come back together.
 */
export function backoffDelay(random: Random, attempt: number, options: ReconnectOptions): number {
  const { initialDelay = INITIAL_DELAY_MS, maxDelay = MAX_DELAY_MS } = options;
  return Math.floor(fraction(random) * bound(initialDelay, maxDelay, attempt));
}

/**
 * The same after an answer that looks final, although nobody can know who gave it: a proxy's 404, a captive portal, a
 * refused handshake. Between a half and all of a bound that grows for longer, to 20 times `maxDelay`.
 */
export function waryDelay(random: Random, attempt: number, options: ReconnectOptions): number {
  const { initialDelay = INITIAL_DELAY_MS, maxDelay = MAX_DELAY_MS } = options;
  const most = bound(initialDelay, WARY_FACTOR * maxDelay, attempt);
  return Math.floor((most * (1 + fraction(random))) / 2);
}

/**
 * Milliseconds to wait when the server asks for `askedMs` (PROTOCOL.md 2.1): never less, but for at most ten minutes, and
 * a random part of a second or of a tenth of that more, so that those who were asked together do not come back together.
 */
export function askedDelay(random: Random, askedMs: number): number {
  const asked = Math.min(askedMs, LONGEST_ASKED_MS);
  return asked + Math.floor(fraction(random) * Math.max(asked / 10, SHORTEST_JITTER_MS));
}

function bound(initialDelay: number, maxDelay: number, attempt: number): number {
  return Math.min(maxDelay, initialDelay * 2 ** Math.min(attempt, 30));
}

/** Uniform in [0, 1). */
function fraction(random: Random): number {
  const bytes = random.bytes(4);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) / 2 ** 32;
}
