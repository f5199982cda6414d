import type { CancelTimer, Clock, Random } from '../../src/ports/ports.ts';
import { systemRandom } from '../../src/system/index.ts';

/** A clock whose time passes only in `run`, one event after the other. */
export class SimulatedClock implements Clock {
  #time = 1_700_000_000_000;
  #order = 0;
  #events: { readonly at: number; readonly order: number; readonly run: () => void }[] = [];

  now(): number {
    return this.#time;
  }

  monotonic(): number {
    return this.#time;
  }

  after(delayMs: number, callback: () => void): CancelTimer {
    const event = { at: this.#time + delayMs, order: this.#order++, run: callback };
    const index = this.#events.findLastIndex(({ at }) => at <= event.at) + 1;
    this.#events.splice(index, 0, event);
    return () => {
      this.#events = this.#events.filter((known) => known !== event);
    };
  }

  soon(callback: () => void): void {
    this.after(0, callback);
  }

  /** Lets time pass until the condition holds. Fails when nothing is left that could bring it about. */
  async run(until: () => boolean, what = 'the condition'): Promise<void> {
    await settled();
    for (let steps = 0; !until(); steps += 1) {
      const next = this.#events.shift();
      if (next === undefined || steps > 200_000) throw new Error(`${what} does not come about`);
      this.#time = Math.max(this.#time, next.at);
      next.run();
      await settled();
    }
  }

  /** Lets this much time pass. */
  async pass(ms: number): Promise<void> {
    let over = false;
    this.after(ms, () => {
      over = true;
    });
    await this.run(() => over);
  }
}

/** All promises that can go on have gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Bytes from a seed, for delays that repeat; keys come from the system's generator. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0 || 1;
  return {
    bytes(length) {
      if (length > 4) return systemRandom.bytes(length);
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Uint8Array.from({ length }, (_, index) => (state >>> (8 * index)) & 0xff);
    },
  };
}
