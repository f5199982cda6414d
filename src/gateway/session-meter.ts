import type { Clock } from '../protocol/ports.ts';

export interface MeterLimits {
  /** 0: no limit. */
  readonly sessionFramesPerSecond: number;
  /** 0: no limit. */
  readonly sessionBytesPerSecond: number;
}

/** How long a peer that was quiet may send at any rate, in seconds of its rate. */
const BURST_SECONDS = 2;

/**
 * What one session may send: a bucket of frames and one of bytes. The clock is looked at only when a bucket is empty, so
 * that a session within its rate pays two subtractions per chunk.
 */
export class SessionMeter {
  readonly #clock: Clock;
  readonly #frames: Bucket;
  readonly #bytes: Bucket;

  constructor(limits: MeterLimits, clock: Clock) {
    this.#clock = clock;
    const now = clock.monotonic();
    this.#frames = bucket(limits.sessionFramesPerSecond, now);
    this.#bytes = bucket(limits.sessionBytesPerSecond, now);
  }

  /** Takes what a chunk brought. Returns how long the peer should not be read, in milliseconds; 0: read on. */
  spend(frames: number, bytes: number): number {
    this.#frames.left -= frames;
    this.#bytes.left -= bytes;
    return this.#frames.left >= 0 && this.#bytes.left >= 0 ? 0 : this.wait();
  }

  /** How long until both buckets are in credit again, in milliseconds. */
  wait(): number {
    const now = this.#clock.monotonic();
    return Math.max(debt(this.#frames, now), debt(this.#bytes, now));
  }

  /** Which bucket is the emptier one. */
  get scarce(): 'sessionFramesPerSecond' | 'sessionBytesPerSecond' {
    return debtOf(this.#frames) >= debtOf(this.#bytes) ? 'sessionFramesPerSecond' : 'sessionBytesPerSecond';
  }
}

interface Bucket {
  readonly perMs: number;
  readonly capacity: number;
  left: number;
  /** When it was filled last; monotonic milliseconds. */
  filledAt: number;
}

function bucket(perSecond: number, now: number): Bucket {
  const capacity = perSecond === 0 ? Number.POSITIVE_INFINITY : perSecond * BURST_SECONDS;
  return { perMs: perSecond / 1000, capacity, left: capacity, filledAt: now };
}

/** Fills the bucket; returns the milliseconds until it is not in debt. */
function debt(full: Bucket, now: number): number {
  if (full.capacity === Number.POSITIVE_INFINITY) return 0;
  full.left = Math.min(full.capacity, full.left + (now - full.filledAt) * full.perMs);
  full.filledAt = now;
  return debtOf(full);
}

function debtOf({ left, perMs }: Bucket): number {
  return left >= 0 ? 0 : -left / perMs;
}
