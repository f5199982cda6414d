import { setImmediate } from 'node:timers';
import type { CancelTimer, Clock } from '../../src/ports/ports.ts';
import { type PassingTime, turns, until } from './waiting.ts';

/** Steps after which what runs is at fault: it keeps itself busy for ever. */
const MOST_STEPS = 200_000;

interface Timer {
  readonly due: number;
  readonly callback: () => void;
}

export interface SchedulerOptions {
  /** Milliseconds since the Unix epoch. @default a day in 2023 */
  readonly start?: number;
  /**
   * Chooses, among what may run at one moment (timers of the same time, callbacks of `soon`), what runs first. The same seed
   * chooses the same. @default what was asked for first runs first
   */
  readonly seed?: number | undefined;
}

/**
 * Virtual time: it stands still until a test moves it, and fires timers in the order in which they are due. Promises and
 * callbacks of `soon` run by themselves, one to a turn of the event loop, so code that reads real files works under it, too.
 */
export class Scheduler implements Clock, PassingTime {
  #now: number;
  #elapsed = 0;
  readonly #choose: (count: number) => number;
  /** Sorted by `due`; those of the same moment in the order in which they were set. */
  #timers: Timer[] = [];
  readonly #soon: (() => void)[] = [];

  constructor({ start = 1_700_000_000_000, seed }: SchedulerOptions = {}) {
    this.#now = start;
    this.#choose = seed === undefined ? () => 0 : chooser(seed);
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  after(delayMs: number, callback: () => void): CancelTimer {
    const timer = { due: this.#elapsed + Math.max(0, delayMs), callback };
    this.#timers.splice(this.#timers.findLastIndex(({ due }) => due <= timer.due) + 1, 0, timer);
    return () => {
      this.#timers = this.#timers.filter((known) => known !== timer);
    };
  }

  soon(callback: () => void): void {
    this.#soon.push(callback);
    setImmediate(() => this.#soon.splice(this.#choose(this.#soon.length), 1)[0]?.());
  }

  /** Timers that are set. */
  get timers(): number {
    return this.#timers.length;
  }

  /** Lets everything that is ready run, and what it makes ready; no time passes. Reads of real files are not waited for. */
  async settle(): Promise<void> {
    let steps = 0;
    do {
      await turns();
      steps += 1;
      if (steps > MOST_STEPS) throw new Error('it does not come to rest');
    } while (this.#soon.length > 0);
  }

  /** Lets so much time pass; what each timer causes has happened before the next one fires. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#elapsed + milliseconds;
    await this.settle();
    while ((this.#timers[0]?.due ?? Number.POSITIVE_INFINITY) <= end) await this.pass();
    this.#move(end);
    await this.settle();
  }

  /**
   * Lets time pass until the condition holds.
   *
   * @throws Error when nothing is left that could bring it about
   */
  async until(holds: () => boolean, what = 'the condition'): Promise<void> {
    await this.settle();
    let steps = 0;
    await until(holds, what, {
      pass: () => {
        steps += 1;
        return steps > MOST_STEPS ? Promise.resolve(false) : this.pass();
      },
    });
  }

  /** Lets time pass up to the next timer, which fires, and lets happen what it causes; false when there is none. */
  async pass(): Promise<boolean> {
    const [first] = this.#timers;
    if (first === undefined) return false;
    const later = this.#timers.findIndex(({ due }) => due > first.due);
    const [next] = this.#timers.splice(this.#choose(later < 0 ? this.#timers.length : later), 1);
    this.#move(first.due);
    next?.callback();
    await this.settle();
    return true;
  }

  /** Sets the date forward, or with a negative number back; no time passes. */
  jump(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** The machine sleeps: the time passes at once, and the timers that were due meanwhile fire at its end. */
  sleep(milliseconds: number): void {
    this.#move(this.#elapsed + milliseconds);
    const due = this.#timers.filter((timer) => timer.due <= this.#elapsed);
    for (const timer of due) {
      if (!this.#timers.includes(timer)) continue;
      this.#timers = this.#timers.filter((known) => known !== timer);
      timer.callback();
    }
  }

  #move(elapsed: number): void {
    if (elapsed <= this.#elapsed) return;
    this.#now += elapsed - this.#elapsed;
    this.#elapsed = elapsed;
  }
}

/** Park and Miller's generator: enough to choose with. */
export function chooser(seed: number): (count: number) => number {
  let state = (Math.abs(Math.trunc(seed)) % 0x7fff_fffe) + 1;
  return (count) => {
    state = (state * 48_271) % 0x7fff_ffff;
    return count < 2 ? 0 : state % count;
  };
}
