import type { CancelTimer, Clock } from '../../ports/ports.ts';

export interface MeterLimits {
  /** 0: no limit. */
  readonly sessionFramesPerSecond: number;
  /** 0: no limit. */
  readonly sessionBytesPerSecond: number;
}

/** How long a peer that was quiet may send at any rate, in seconds of its rate. */
const BURST_SECONDS = 2;

/**
 * What one session may send: an allowance of frames and one of bytes, which grow with time up to a burst. Beyond them the
 * peer is not read until it has waited long enough. The clock is looked at only when an allowance is used up, so that a
 * session within its rate pays two subtractions per chunk.
 */
export class SessionMeter {
  readonly #clock: Clock;
  readonly #limits: MeterLimits;
  readonly #changed: (limit: keyof MeterLimits | undefined) => void;
  #frames: number;
  #bytes: number;
  /** When the allowances grew last; monotonic milliseconds. */
  #grownAt: number;
  #cancel: CancelTimer | undefined;

  /** @param changed is told the limit when reading should rest, and `undefined` when it should go on */
  constructor(limits: MeterLimits, clock: Clock, changed: (limit: keyof MeterLimits | undefined) => void) {
    this.#limits = limits;
    this.#clock = clock;
    this.#changed = changed;
    this.#frames = burstOf(limits.sessionFramesPerSecond);
    this.#bytes = burstOf(limits.sessionBytesPerSecond);
    this.#grownAt = clock.monotonic();
  }

  /** Reading rests. */
  get exhausted(): boolean {
    return this.#cancel !== undefined;
  }

  /** A chunk has brought this much. */
  spend(frames: number, bytes: number): void {
    this.#frames -= frames;
    this.#bytes -= bytes;
    if ((this.#frames < 0 || this.#bytes < 0) && this.#cancel === undefined) this.#review(false);
  }

  /** The session is over. */
  stop(): void {
    this.#cancel?.();
  }

  #review(rests: boolean): void {
    const { sessionFramesPerSecond, sessionBytesPerSecond } = this.#limits;
    const now = this.#clock.monotonic();
    const passed = now - this.#grownAt;
    this.#grownAt = now;
    this.#frames = grown(this.#frames, sessionFramesPerSecond, passed);
    this.#bytes = grown(this.#bytes, sessionBytesPerSecond, passed);
    const forFrames = debt(this.#frames, sessionFramesPerSecond);
    const forBytes = debt(this.#bytes, sessionBytesPerSecond);
    const wait = Math.max(forFrames, forBytes);
    this.#cancel = wait === 0 ? undefined : this.#clock.after(Math.ceil(wait), () => this.#review(true));
    if (rests && wait === 0) this.#changed(undefined);
    if (!rests && wait > 0) {
      this.#changed(forFrames >= forBytes ? 'sessionFramesPerSecond' : 'sessionBytesPerSecond');
    }
  }
}

function burstOf(perSecond: number): number {
  return perSecond === 0 ? Number.POSITIVE_INFINITY : perSecond * BURST_SECONDS;
}

function grown(left: number, perSecond: number, passedMs: number): number {
  return Math.min(burstOf(perSecond), left + (passedMs * perSecond) / 1000);
}

/** Milliseconds until nothing is owed. */
function debt(left: number, perSecond: number): number {
  return left >= 0 ? 0 : (-left * 1000) / perSecond;
}
