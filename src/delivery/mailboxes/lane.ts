import type { WireErrorCode } from '../../protocol/frames/errors.ts';
import { serialAfter } from '../../protocol/serial.ts';
import type { FrameRefusal } from '../../relay-port/relay-port.ts';

/** Refused sequences that a lane remembers. PROTOCOL.md 11.3. */
export const REFUSALS_MAX = 256;

const NONE: readonly FrameRefusal[] = [];

interface Barrier {
  /** How many posts lie before it, of all that the device has ever made. */
  readonly behind: number;
  readonly through: () => void;
}

/**
 * What one device has sent upstream, over all of its sessions (PROTOCOL.md 11.3): each durable frame is taken in once
 * and is then in work, on its way to the log, stored, or refused. Frames leave the lane in order, and a new session
 * begins behind what an older one has left in work. Nothing else knows what has been received.
 */
export class Lane {
  #received: number | undefined;
  /** Highest sequence on its way to the log, or in it. */
  #accepted: number | undefined;
  /** Newest last. A sequence that was stored later is not among them. */
  #refused: Map<number, WireErrorCode> | undefined;
  #highestRefused = 0;
  /** Frames in work, and posts that are neither stored nor refused. */
  #busy = 0;
  /** Posts, and those of them that are stored or refused: they become it in their order. */
  #entered = 0;
  #left = 0;
  #whenQuiet: (() => void)[] | undefined;
  #barriers: Barrier[] | undefined;

  /**
   * Highest sequence in the log; undefined before the first one, because 0 is a sequence too, once the device's counter
   * has wrapped.
   */
  get received(): number | undefined {
    return this.#received;
  }

  /** The newest frames that were refused for good, in the order of their refusal. */
  get refusals(): readonly FrameRefusal[] {
    return this.#refused === undefined
      ? NONE
      : Array.from(this.#refused, ([sequence, error]) => ({ sequence, error }));
  }

  /** Whether the log has the frame, or will have it in a moment, or it lies below one of these. */
  hasTaken(sequence: number): boolean {
    return this.#accepted !== undefined && !serialAfter(sequence, this.#accepted);
  }

  /** Why the frame was refused for good. */
  refusalOf(sequence: number): WireErrorCode | undefined {
    return this.#refused?.get(sequence);
  }

  /** The frame is refused for good. */
  refuse(sequence: number, error: WireErrorCode): void {
    if (this.#refused === undefined || serialAfter(sequence, this.#highestRefused)) {
      this.#highestRefused = sequence;
    }
    this.#refused ??= new Map();
    this.#refused.delete(sequence);
    this.#refused.set(sequence, error);
    if (this.#refused.size > REFUSALS_MAX) {
      const [oldest] = this.#refused.keys();
      this.#refused.delete(oldest ?? sequence);
    }
  }

  /**
   * The frame goes to the log. Returns the refusals that its letter makes look like frames that were stored: they lie
   * below it and above everything before, and travel with it.
   */
  accept(sequence: number): readonly FrameRefusal[] {
    const before = this.#accepted;
    this.#accepted = sequence;
    if (this.#refused === undefined) return NONE;
    this.#refused.delete(sequence);
    if (before !== undefined && !serialAfter(this.#highestRefused, before)) return NONE;
    return this.refusals.filter(
      (refusal) =>
        serialAfter(sequence, refusal.sequence) &&
        (before === undefined || serialAfter(refusal.sequence, before)),
    );
  }

  /** The frame is in the log. */
  store(sequence: number): void {
    this.#received = sequence;
  }

  /** The log has refused a frame: what was accepted behind what it has is taken back. */
  takeBack(): void {
    this.#accepted = this.#received;
  }

  /** A post of the device is on its way to the log, until `leave`. */
  enter(): void {
    this.#entered += 1;
    this.begin();
  }

  /** The oldest post on its way is stored or refused. */
  leave(): void {
    if (this.#left === this.#entered) throw new RangeError('a post enters the lane before it leaves it');
    this.#left += 1;
    this.#passBarriers();
    this.end();
  }

  /** Resolves when all posts that are on their way now are stored or refused; undefined when none is on its way. */
  barrier(): Promise<void> | undefined {
    if (this.#left === this.#entered) return undefined;
    return new Promise((resolve) => {
      this.#barriers ??= [];
      this.#barriers.push({ behind: this.#entered, through: resolve });
    });
  }

  /** Something of the device is in work until `end`. */
  begin(): void {
    this.#busy += 1;
  }

  end(): void {
    this.#busy -= 1;
    if (this.#busy === 0 && this.#whenQuiet !== undefined) {
      const waiting = this.#whenQuiet;
      this.#whenQuiet = undefined;
      for (const resolve of waiting) resolve();
    }
  }

  /** Resolves when nothing of the device is in work or on its way to the log. */
  async quiet(): Promise<void> {
    while (this.#busy > 0) {
      await new Promise<void>((resolve) => {
        this.#whenQuiet ??= [];
        this.#whenQuiet.push(resolve);
      });
    }
  }

  #passBarriers(): void {
    for (
      let next = this.#barriers?.[0];
      next !== undefined && next.behind <= this.#left;
      next = this.#barriers?.[0]
    ) {
      this.#barriers?.shift();
      next.through();
    }
    if (this.#barriers?.length === 0) this.#barriers = undefined;
  }

  /** `received` as the counters in the log hold it: 0 for none, 2^32 for the sequence 0. */
  get receivedToStore(): number {
    return this.#received === undefined ? 0 : this.#received === 0 ? 0x1_0000_0000 : this.#received;
  }

  /** While the log is read at start: a letter of this device, and what travelled with it. */
  restore(sequence: number, refusals: readonly FrameRefusal[]): void {
    for (const { sequence: refused, error } of refusals) this.refuse(refused, error);
    this.#refused?.delete(sequence);
    if (this.#received === undefined || serialAfter(sequence, this.#received)) {
      this.#received = sequence;
      this.#accepted = sequence;
    }
  }

  /** While the log is read at start: the counters as they were last written. */
  restoreCounters(receivedToStore: number, refusals: readonly FrameRefusal[]): void {
    if (receivedToStore !== 0) this.restore(receivedToStore >>> 0, NONE);
    this.#refused = undefined;
    for (const { sequence, error } of refusals) this.refuse(sequence, error);
  }
}
