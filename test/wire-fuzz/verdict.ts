import type { Rule } from './broken-promise.ts';
import type { FuzzDevice } from './device.ts';
import type { Dispatch } from './dispatch.ts';
import { describe, type Ledger } from './ledger.ts';

export interface Circumstances {
  /** Milliseconds that an undelivered frame is kept. */
  readonly ttl: number;
  readonly now: number;
  /** Mailboxes are so small that they may have been full. */
  readonly mailboxesFill: boolean;
  /** The server was killed: it may have forgotten how many frames a mailbox had no room for. */
  readonly forgetful: boolean;
}

/**
 * What a device was told of frames that it will never see. Nobody is told which frames these were: each of them that did
 * not arrive claims one of the kinds that it can be, and all claims together must find one.
 */
interface Excuses {
  /** Inbox numbers that expired, and frames for which the mailbox had no room. */
  readonly expired: number;
  readonly missed: number;
  readonly claims: {
    readonly expired: Dispatch[];
    readonly missed: Dispatch[];
    readonly either: Dispatch[];
  };
}

function excusesOf({ gaps, inbox, missed, confirms }: FuzzDevice, { forgetful }: Circumstances): Excuses {
  const expired = [...gaps].filter((number) => !inbox.has(number)).length;
  return {
    expired: confirms ? expired : Number.POSITIVE_INFINITY,
    missed: forgetful || !confirms ? Number.POSITIVE_INFINITY : missed,
    claims: { expired: [], missed: [], either: [] },
  };
}

/** A frame that nothing excuses, if the claims are more than a device was told of. */
function withoutExcuse({ expired, missed, claims }: Excuses): Dispatch | undefined {
  const left = expired - claims.expired.length + (missed - claims.missed.length);
  return claims.expired[expired] ?? claims.missed[missed] ?? claims.either[left];
}

/** Holds what every device has in the end against what was sent and answered. */
export class Verdict {
  readonly #devices: readonly FuzzDevice[];
  readonly #ledger: Ledger;
  readonly #circumstances: Circumstances;
  readonly #excuses = new Map<string, Excuses>();

  constructor(devices: readonly FuzzDevice[], ledger: Ledger, circumstances: Circumstances) {
    this.#devices = devices;
    this.#ledger = ledger;
    this.#circumstances = circumstances;
    for (const device of devices) this.#excuses.set(device.name, excusesOf(device, circumstances));
  }

  /** @throws BrokenPromise for what is lost, doubled, out of order, or not stored without a word */
  judge(): void {
    for (const dispatch of this.#ledger.dispatches) this.#judgeFate(dispatch);
    for (const [device, excuses] of this.#excuses) {
      const lost = withoutExcuse(excuses);
      if (lost !== undefined) this.#demandArrival(false, lost, device);
    }
    for (const device of this.#devices) {
      this.#judgeInbox(device);
      if (this.#hasOneOrder(device)) this.#judgeSenders(device);
    }
    this.#judgeCommonOrder();
  }

  #judgeFate(dispatch: Dispatch): void {
    const { fate, arrivals } = dispatch;
    switch (fate.is) {
      case 'open':
        this.#demand(false, 'answer', () => `${describe(dispatch)} has no answer`);
        break;
      case 'refused':
        this.#demand(arrivals.size === 0, 'refused', () => `${describe(dispatch)} reached ${[...arrivals]}`);
        break;
      case 'unknown':
        // One fact: it is in the log for all of them, or for nobody.
        if (arrivals.size > 0) this.#judgeMissing(dispatch, 0);
        break;
      case 'received':
        this.#judgeMissing(dispatch, 0);
        break;
      case 'acknowledged':
        this.#judgeMissing(dispatch, fate.notStored);
        if (fate.stored !== undefined) this.#judgeCount(dispatch, fate.stored, fate.notStored);
        break;
    }
  }

  /**
   * Everybody who took part has it; who has not is excused by a number in an ACK, by expiry, or by a full mailbox. Where an
   * ACK says that some have no room nobody knows who: such a frame takes no expired number away from others.
   */
  #judgeMissing(dispatch: Dispatch, notStored: number): void {
    const missing = [...dispatch.sure].filter((device) => !dispatch.arrivals.has(device));
    if (notStored > 0) {
      const lost = missing.filter((device) => !this.#mayExpire(dispatch, device));
      this.#demandArrival(lost.length <= notStored, dispatch, lost.join(', '));
      return;
    }
    for (const device of missing) this.#excuse(dispatch, device);
  }

  #excuse(dispatch: Dispatch, device: string): void {
    const { claims } = this.#excusesOf(device);
    // Only a frame without an ACK can be one of the missed: no ACK came that could have told the sender.
    const isMissed = dispatch.fate.is !== 'acknowledged' && this.#circumstances.mailboxesFill;
    const isExpired = this.#mayExpire(dispatch, device);
    this.#demandArrival(isMissed || isExpired, dispatch, device);
    if (isMissed && isExpired) claims.either.push(dispatch);
    else if (isMissed) claims.missed.push(dispatch);
    else claims.expired.push(dispatch);
  }

  #demandArrival(holds: boolean, dispatch: Dispatch, device: string): void {
    this.#demand(holds, this.#ruleFor(dispatch), () => `${describe(dispatch)} never reached ${device}`);
  }

  #ruleFor({ fate }: Dispatch): Rule {
    if (fate.is === 'received') return 'silent';
    return this.#circumstances.mailboxesFill ? 'untold' : 'lost';
  }

  /** Who does not confirm is not told of gaps. */
  #mayExpire({ sentAt }: Dispatch, device: string): boolean {
    if (sentAt + this.#circumstances.ttl > this.#circumstances.now) return false;
    const one = this.#device(device);
    return one?.confirms !== true || one.gaps.size > 0;
  }

  #device(name: string): FuzzDevice | undefined {
    return this.#devices.find((device) => device.name === name);
  }

  #excusesOf(device: string): Excuses {
    const excuses = this.#excuses.get(device);
    if (excuses === undefined) throw new Error(`${device} is no device of this run`);
    return excuses;
  }

  #judgeCount(dispatch: Dispatch, stored: number, notStored: number): void {
    const { arrivals, sure, outsiders, sentAt } = dispatch;
    const mayHaveExpired = sentAt + this.#circumstances.ttl <= this.#circumstances.now;
    const fits = arrivals.size === stored || (mayHaveExpired && arrivals.size < stored);
    this.#demand(fits, 'count', () => `${describe(dispatch)} reached ${arrivals.size}`);
    const possible =
      this.#devices.length - 1 - [...outsiders].filter((one) => one !== dispatch.sender).length;
    const counted = stored + notStored;
    const isPlausible = counted >= sure.size && counted <= possible;
    this.#demand(isPlausible, 'count', () => `${describe(dispatch)}: ${sure.size} to ${possible} took part`);
  }

  #judgeInbox(device: FuzzDevice): void {
    const { name, confirms, inbox, gaps, processed } = device;
    this.#demand(device.waiting === 0, 'answer', () => `${name} waits for ${device.waiting} answers`);
    if (!confirms) return;
    for (let number = 1; number <= processed; number += 1) {
      const isThere = inbox.has(number) || gaps.has(number);
      this.#demand(isThere, 'lost', () => `${name} never saw inbox number ${number}`);
    }
  }

  /**
   * Who does not confirm loses with a connection what was on its way. A crash forgets that it was on its way, and it comes
   * after all, behind what came meanwhile: only each session has its order then.
   */
  #hasOneOrder({ confirms, cutOff }: FuzzDevice): boolean {
    return confirms || !cutOff || !this.#circumstances.forgetful;
  }

  /** What one sender has sent comes in the order in which it was sent. */
  #judgeSenders({ name, arrivals }: FuzzDevice): void {
    const last = new Map<string, Dispatch>();
    for (const id of arrivals) {
      const dispatch = this.#ledger.get(id);
      if (dispatch === undefined) continue;
      const before = last.get(dispatch.sender);
      const isLater = before === undefined || before.place < dispatch.place;
      this.#demand(isLater, 'order', () => `${describe(dispatch)} came to ${name} behind ${before?.id}`);
      last.set(dispatch.sender, dispatch);
    }
  }

  /** There is one order, that of the log: what two devices both have, they have in the same order. */
  #judgeCommonOrder(): void {
    const devices = this.#devices.filter((device) => this.#hasOneOrder(device));
    for (const [index, one] of devices.entries()) {
      for (const other of devices.slice(index + 1)) {
        const theirs = new Set(other.arrivals);
        const common = one.arrivals.filter((id) => theirs.has(id));
        const mine = new Set(common);
        const order = other.arrivals.filter((id) => mine.has(id));
        const at = common.findIndex((id, place) => order[place] !== id);
        this.#demand(
          at < 0,
          'order',
          () => `${one.name} has ${common[at]} where ${other.name} has ${order[at]}`,
        );
      }
    }
  }

  #demand(condition: boolean, rule: Rule, message: () => string): void {
    this.#ledger.judge.demand(condition, rule, message);
  }
}
