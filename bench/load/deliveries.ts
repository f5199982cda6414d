import { performance } from 'node:perf_hooks';

/** The time from a message's sending until its last recipient has it. */
export interface Completion {
  /** When the last recipient got it, by `performance.now()`. */
  readonly at: number;
  readonly milliseconds: number;
}

/**
 * Keeps `window` messages on their way to all recipients: a message is on its way until it is acknowledged and the last
 * recipient has it. Recipients get messages in order, so their count says which message each has.
 */
export class Deliveries {
  readonly #window: number;
  readonly #send: (count: number) => void;
  /** Messages that each recipient has. */
  readonly #has: Uint32Array;
  /** For each message on its way, by its number modulo the window: recipients that miss it, and when it was sent. */
  readonly #missing: Uint32Array;
  readonly #sentAt: Float64Array;
  readonly #completions: Completion[] = [];
  #sent = 0;
  #acknowledged = 0;
  #complete = 0;
  #count = 0;
  #running = false;
  #drained: (() => void) | undefined;

  constructor(recipients: number, window: number, send: (count: number) => void) {
    this.#window = window;
    this.#send = send;
    this.#has = new Uint32Array(recipients);
    this.#missing = new Uint32Array(window);
    this.#sentAt = new Float64Array(window);
  }

  /** Messages that have reached a recipient, each recipient counted. */
  get count(): number {
    return this.#count;
  }

  get completions(): readonly Completion[] {
    return this.#completions;
  }

  start(): void {
    this.#running = true;
    this.#refill();
  }

  /** Resolves when everything that was sent has arrived everywhere. */
  async stop(): Promise<void> {
    this.#running = false;
    if (this.#onTheirWay > 0) await new Promise<void>((resolve) => (this.#drained = resolve));
  }

  acknowledged(count: number): void {
    this.#acknowledged += count;
    this.#refill();
  }

  /** @throws RangeError when the recipient gets more than was sent */
  delivered(recipient: number, count: number): void {
    let number = this.#has[recipient] ?? 0;
    if (number + count > this.#sent) throw new RangeError('more messages arrive than were sent');
    this.#count += count;
    this.#has[recipient] = number + count;
    for (const end = number + count; number < end; number += 1) {
      const slot = number % this.#window;
      const missing = (this.#missing[slot] ?? 0) - 1;
      this.#missing[slot] = missing;
      if (missing === 0) this.#completed(slot);
    }
  }

  get #onTheirWay(): number {
    return this.#sent - Math.min(this.#acknowledged, this.#complete);
  }

  #completed(slot: number): void {
    const at = performance.now();
    this.#completions.push({ at, milliseconds: at - (this.#sentAt[slot] ?? 0) });
    this.#complete += 1;
    this.#refill();
  }

  #refill(): void {
    if (!this.#running) {
      if (this.#onTheirWay === 0) this.#drained?.();
      return;
    }
    const count = this.#window - this.#onTheirWay;
    if (count <= 0) return;
    const now = performance.now();
    for (let i = 0; i < count; i += 1) {
      const slot = (this.#sent + i) % this.#window;
      this.#missing[slot] = this.#has.length;
      this.#sentAt[slot] = now;
    }
    this.#sent += count;
    this.#send(count);
  }
}
