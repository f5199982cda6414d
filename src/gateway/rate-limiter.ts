import type { Clock } from '../protocol/ports.ts';
import { addressKey } from './address-key.ts';

export interface RateLimit {
  /** Requests within the window, 1 or more. */
  readonly burst: number;
  readonly windowMs: number;
  /** How long an address stays refused once it has exceeded the burst; 0: only while the window is full. */
  readonly penaltyMs: number;
}

export interface RateLimiterOptions {
  readonly clock: Clock;
  readonly limit: RateLimit;
  /** Addresses remembered, 1 or more. */
  readonly maxAddresses: number;
  /** Called when the full table had to forget an address that still mattered. */
  readonly onEvicted?: () => void;
}

export type Verdict =
  | { readonly allowed: true }
  /** `retryAfter`: whole seconds, 1 or more, as in the `retry-after` header. */
  | { readonly allowed: false; readonly retryAfter: number };

interface Bucket {
  /** Times of the requests that were allowed within the window, oldest first; at most `burst`. */
  readonly hits: number[];
  /** 0: not blocked. */
  blockedUntil: number;
}

const ALLOWED: Verdict = { allowed: true };

/**
 * A sliding log of requests per address. When a request would exceed the burst, the address is refused for the penalty;
 * refused requests neither extend it nor count as requests. PROTOCOL.md 2.1.
 *
 * The table is bounded. Blocked and merely seen addresses are kept apart, each in the order of their last use, and room
 * is made among those that were only seen: what they lose is their count within one window, at most `burst` more
 * requests. So a flood from many addresses cannot lift anybody's penalty as long as fewer than `maxAddresses` are
 * blocked; to become blocked each needs `burst` + 1 requests. Beyond that the block that ends first is given up.
 */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #limit: RateLimit;
  readonly #maxAddresses: number;
  readonly #onEvicted: () => void;
  /** By last use, oldest first. */
  readonly #seen = new Map<string, Bucket>();
  /** By start of the block, which is also the order in which the blocks end. */
  readonly #blocked = new Map<string, Bucket>();

  constructor(options: RateLimiterOptions) {
    this.#clock = options.clock;
    this.#limit = options.limit;
    this.#maxAddresses = options.maxAddresses;
    this.#onEvicted = options.onEvicted ?? (() => undefined);
  }

  /** Addresses in the table. */
  get size(): number {
    return this.#seen.size + this.#blocked.size;
  }

  /** Counts one request and judges it. `address` is a socket's remote address, without port. */
  check(address: string): Verdict {
    const now = this.#clock.monotonic();
    this.#expire(now);
    const key = addressKey(address);
    const blocked = this.#blocked.get(key);
    if (blocked !== undefined) return refused(blocked.blockedUntil - now);

    const bucket = this.#seen.get(key) ?? { hits: [], blockedUntil: 0 };
    this.#seen.delete(key);
    dropUntil(bucket.hits, now - this.#limit.windowMs);
    if (bucket.hits.length < this.#limit.burst) {
      bucket.hits.push(now);
      this.#makeRoom();
      this.#seen.set(key, bucket);
      return ALLOWED;
    }
    if (this.#limit.penaltyMs === 0) {
      this.#seen.set(key, bucket);
      return refused((bucket.hits[0] ?? now) + this.#limit.windowMs - now);
    }
    bucket.blockedUntil = now + this.#limit.penaltyMs;
    this.#makeRoom();
    this.#blocked.set(key, bucket);
    return refused(this.#limit.penaltyMs);
  }

  /**
   * Looks only at the old ends of both maps: constant work per call, amortised. An entry that was put back without a new
   * request may wait behind younger ones, by one window at most.
   */
  #expire(now: number): void {
    for (const [key, bucket] of this.#blocked) {
      if (bucket.blockedUntil > now) break;
      this.#blocked.delete(key);
      // Requests from before the block may still be within a window that is longer than the penalty.
      dropUntil(bucket.hits, now - this.#limit.windowMs);
      if (bucket.hits.length > 0) this.#seen.set(key, bucket);
    }
    for (const [key, bucket] of this.#seen) {
      if ((bucket.hits.at(-1) ?? 0) > now - this.#limit.windowMs) break;
      this.#seen.delete(key);
    }
  }

  #makeRoom(): void {
    if (this.size < this.#maxAddresses) return;
    const table = this.#seen.size > 0 ? this.#seen : this.#blocked;
    for (const key of table.keys()) {
      table.delete(key);
      this.#onEvicted();
      return;
    }
  }
}

function refused(remainingMs: number): Verdict {
  return { allowed: false, retryAfter: Math.max(1, Math.ceil(remainingMs / 1000)) };
}

/** Removes the times at or before `limit`. */
function dropUntil(hits: number[], limit: number): void {
  let old = 0;
  while (old < hits.length && (hits[old] ?? 0) <= limit) old += 1;
  if (old > 0) hits.splice(0, old);
}
