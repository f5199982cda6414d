import type { Clock } from '../../ports/ports.ts';

export interface BudgetRate {
  /** What may be spent at once. */
  readonly burst: number;
  /** What comes back, up to that. */
  readonly perSecond: number;
}

interface Account {
  left: number;
  /** Monotonic milliseconds of the last look. */
  at: number;
}

/** Accounts that are looked through at first, when those are dropped that are full again. */
const FEW = 1024;

/** Token buckets by name. Only names that have spent something lately are remembered. */
export class Budget {
  readonly #clock: Clock;
  readonly #rate: BudgetRate;
  readonly #accounts = new Map<string, Account>();
  #sweepAt = FEW;

  constructor(clock: Clock, rate: BudgetRate) {
    this.#clock = clock;
    this.#rate = rate;
  }

  /** How many names are remembered. */
  get size(): number {
    return this.#accounts.size;
  }

  /** Whether `cost` could be spent now. More than a burst never can, and is taken as one. */
  allows(name: string, cost: number): boolean {
    return this.#left(name) >= Math.min(cost, this.#rate.burst);
  }

  /** Spends `cost` if there is enough of it, or else nothing. */
  take(name: string, cost: number): boolean {
    const left = this.#left(name) - Math.min(cost, this.#rate.burst);
    if (left < 0) return false;
    this.#accounts.set(name, { left, at: this.#clock.monotonic() });
    if (this.#accounts.size > this.#sweepAt) this.#sweep();
    return true;
  }

  #left(name: string): number {
    const account = this.#accounts.get(name);
    return account === undefined ? this.#rate.burst : this.#leftOf(account);
  }

  #leftOf({ left, at }: Account): number {
    const seconds = Math.max(0, this.#clock.monotonic() - at) / 1000;
    return Math.min(this.#rate.burst, left + seconds * this.#rate.perSecond);
  }

  #sweep(): void {
    for (const [name, account] of this.#accounts) {
      if (this.#leftOf(account) >= this.#rate.burst) this.#accounts.delete(name);
    }
    this.#sweepAt = Math.max(FEW, 2 * this.#accounts.size);
  }
}
