import type { Clock } from '../../ports/ports.ts';
import { addressKey } from './address-key.ts';

export interface RateLimit {
  /** Requests at once, 1 or more. */
  readonly burst: number;
  /** Time in which so many more are allowed. */
  readonly windowMs: number;
  /** How long a name stays refused once it has exceeded the burst; 0: only until there is room again. */
  readonly penaltyMs: number;
}

export interface RateLimiterOptions {
  readonly clock: Clock;
  readonly limit: RateLimit;
  /** Names remembered, 1 or more. */
  readonly maxAddresses: number;
  /** Called when the full table had to forget a name that still mattered. */
  readonly onEvicted?: () => void;
  /** What is counted as one. @default a subscriber's address: IPv6 by /64 */
  readonly keyOf?: (name: string) => string;
}

export type Verdict =
  | { readonly allowed: true }
  /** `retryAfter`: whole seconds, 1 or more, as in the `retry-after` header. */
  | { readonly allowed: false; readonly retryAfter: number };

interface Bucket {
  /** Requests that are allowed now; a fraction is on its way to the next one. */
  tokens: number;
  /** How many were told to come later and have not had their time. */
  waiting: number;
  /** When both were right; monotonic milliseconds. */
  at: number;
  /** 0: not blocked. */
  blockedUntil: number;
}

const ALLOWED: Verdict = { allowed: true };
/**
 * Nobody is told to wait longer than that, in milliseconds, or than to the next token: a neighbour who asks without end must
 * not put off the others.
 */
const LONGEST_WAIT_MS = 60_000;
/** What sums of fractions lose. */
const ROUNDING = 1e-9;

/**
 * A token bucket per address. Whoever finds it empty is told when its turn will have come: behind those who were told so
 * before, so that the peers of one address come back one after the other and not all at the same second. With a penalty the
 * address is refused for so long instead. Refused requests take nothing from the bucket. PROTOCOL.md 2.1.
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
  readonly #keyOf: (name: string) => string;
  /** By last use, oldest first. */
  readonly #seen = new Map<string, Bucket>();
  /** By start of the block, which is also the order in which the blocks end. */
  readonly #blocked = new Map<string, Bucket>();

  constructor(options: RateLimiterOptions) {
    this.#clock = options.clock;
    this.#limit = options.limit;
    this.#maxAddresses = options.maxAddresses;
    this.#onEvicted = options.onEvicted ?? (() => undefined);
    this.#keyOf = options.keyOf ?? addressKey;
  }

  /** Addresses in the table. */
  get size(): number {
    return this.#seen.size + this.#blocked.size;
  }

  /** Counts one request and judges it. `address` is a socket's remote address, without port. */
  check(address: string): Verdict {
    const now = this.#clock.monotonic();
    const { burst, penaltyMs } = this.#limit;
    this.#expire(now);
    const key = this.#keyOf(address);
    const blocked = this.#blocked.get(key);
    if (blocked !== undefined) return refused(blocked.blockedUntil - now);

    const bucket = this.#seen.get(key) ?? { tokens: burst, waiting: 0, at: now, blockedUntil: 0 };
    this.#seen.delete(key);
    this.#refill(bucket, now);
    this.#makeRoom();
    if (bucket.tokens >= 1 - ROUNDING) {
      bucket.tokens -= 1;
      this.#seen.set(key, bucket);
      return ALLOWED;
    }
    if (penaltyMs > 0) {
      bucket.blockedUntil = now + penaltyMs;
      this.#blocked.set(key, bucket);
      return refused(penaltyMs);
    }
    this.#seen.set(key, bucket);
    return refused(this.#turnOf(bucket));
  }

  #refill(bucket: Bucket, now: number): void {
    const { burst } = this.#limit;
    const gained = (now - bucket.at) * this.#perMs;
    bucket.tokens = Math.min(burst, bucket.tokens + gained);
    bucket.waiting = Math.max(0, bucket.waiting - gained);
    bucket.at = now;
  }

  /** Puts one more behind those who wait. Returns the milliseconds until its turn. */
  #turnOf(bucket: Bucket): number {
    const longest = LONGEST_WAIT_MS * this.#perMs;
    bucket.waiting = Math.min(bucket.waiting + 1, Math.max(1, longest));
    return (bucket.waiting - bucket.tokens) / this.#perMs;
  }

  /** Tokens per millisecond. */
  get #perMs(): number {
    return this.#limit.burst / this.#limit.windowMs;
  }

  /**
   * Looks only at the old ends of both maps: constant work per call, amortised. An entry that was put back without a new
   * request may wait behind younger ones, by one window at most.
   */
  #expire(now: number): void {
    for (const [key, bucket] of this.#blocked) {
      if (bucket.blockedUntil > now) break;
      this.#blocked.delete(key);
      // A window that is longer than the penalty has not filled the bucket yet.
      if (bucket.at > now - this.#limit.windowMs) this.#seen.set(key, bucket);
    }
    for (const [key, bucket] of this.#seen) {
      if (bucket.at > now - this.#limit.windowMs) break;
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
  return { allowed: false, retryAfter: Math.max(1, Math.ceil(remainingMs / 1000 - ROUNDING)) };
}
