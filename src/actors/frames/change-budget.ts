import type { Clock } from '../../ports/ports.ts';
import type { Frame } from '../../protocol/frames/frame.ts';
import type { Route } from '../routes/route.ts';
import { Budget, type BudgetRate } from '../runtime/budget.ts';
import { Refusal } from '../sessions/refusal.ts';
import type { Session } from '../sessions/session.ts';

/** What a change takes in the log beyond what its frame carries: heads of records, names of streams, and the way back. */
const CHANGE_COST = 512;

/**
 * What one account may change of channels, groups and calls, in bytes of the log: what it writes there is kept for ever or
 * for months, read again at each start, and shown to everybody concerned. What takes something back (LEAVE, CALL_END) is
 * free: it was paid for with what made it necessary.
 */
export class ChangeBudget {
  readonly #budget: Budget;

  constructor(clock: Clock, rate: BudgetRate) {
    this.#budget = new Budget(clock, rate);
  }

  /**
   * Charges the account for a change.
   *
   * @throws Refusal `rate_limited` when it has made too many
   */
  charge({ user }: Session, { payload }: Frame): void {
    this.#spend(user.id, CHANGE_COST + payload.length);
  }

  /**
   * Charges the account for an offer of a call, which names everybody on the channel.
   *
   * @throws Refusal `rate_limited` when it has made too many
   */
  chargeOffer({ user }: Session, { payload }: Frame, { members }: Route): void {
    const names = members.reduce((sum, { device }) => sum + device.length, 0);
    this.#spend(user.id, CHANGE_COST + payload.length + names);
  }

  #spend(account: string, cost: number): void {
    if (!this.#budget.take(account, cost)) throw Refusal.atRate('changeBytesPerSecond');
  }
}
