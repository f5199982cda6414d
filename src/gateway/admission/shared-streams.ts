import type { CountedLimit } from '../../limits/index.ts';
import type { Clock } from '../../ports/ports.ts';
import { addressKey } from './address-key.ts';
import { EventWindow, WINDOW_MS } from './event-window.ts';

/** Addresses that are remembered; beyond that an old one that has no stream is forgotten. */
const MOST_ADDRESSES = 65_536;
/** How many old ones are looked at for that: those with streams are as many as the server takes sessions at most. */
const LOOKED_AT = 8;

export interface SharedStreamsParts {
  readonly clock: Clock;
  readonly limits: {
    /** Streams that one address may open within 10 seconds. */
    readonly http2Streams: number;
    /** Streams of one address that may end in a reset within 10 seconds. */
    readonly http2Resets: number;
  };
  readonly reached: (limit: CountedLimit) => void;
  /** Whether an address is that of a proxy, behind which anybody may be: nothing is counted for it. */
  readonly isProxy: (address: string) => boolean;
}

interface Account {
  readonly opened: EventWindow;
  readonly resets: EventWindow;
  streams: number;
  /** Until when no stream is taken from it; monotonic milliseconds. */
  barredUntil: number;
  /** When it last did anything; monotonic milliseconds. */
  usedAt: number;
}

/** A stream that was taken; the caller says once how it ended. */
export interface SharedStream {
  /** @param reset whether it ended in RST_STREAM, from either side */
  ended(reset: boolean): void;
}

/**
 * What clients do on connections that a proxy shares among them, counted by the address that the proxy names: one client's
 * flood of streams or resets closes the door to that client for a while, and leaves the connection to the others.
 */
export class SharedStreams {
  readonly #parts: SharedStreamsParts;
  /** Oldest first, but for those that were in use when room was looked for. */
  readonly #accounts = new Map<string, Account>();

  constructor(parts: SharedStreamsParts) {
    this.#parts = parts;
  }

  /** Addresses that are remembered now. */
  get size(): number {
    return this.#accounts.size;
  }

  /** Counts one stream of an address; undefined when it must be refused. */
  open(address: string): SharedStream | undefined {
    const { clock, isProxy, reached } = this.#parts;
    if (isProxy(address)) return { ended: () => undefined };
    const account = this.#account(addressKey(address));
    const now = clock.monotonic();
    account.usedAt = now;
    if (account.opened.add()) {
      reached('http2Streams');
      return undefined;
    }
    if (now < account.barredUntil) {
      reached('http2Resets');
      return undefined;
    }
    account.streams += 1;
    return { ended: (reset) => this.#ended(account, reset) };
  }

  /** Forgets who has no stream and did nothing for a while. */
  review(): void {
    const before = this.#parts.clock.monotonic() - 2 * WINDOW_MS;
    for (const [key, { streams, usedAt }] of this.#accounts) {
      if (streams === 0 && usedAt < before) this.#accounts.delete(key);
    }
  }

  #ended(account: Account, reset: boolean): void {
    const now = this.#parts.clock.monotonic();
    account.streams -= 1;
    account.usedAt = now;
    if (!reset || !account.resets.add() || now < account.barredUntil) return;
    account.barredUntil = now + WINDOW_MS;
    this.#parts.reached('http2Resets');
  }

  #account(key: string): Account {
    const known = this.#accounts.get(key);
    if (known !== undefined) return known;
    if (this.#accounts.size >= MOST_ADDRESSES) this.#forgetOne();
    const { clock, limits } = this.#parts;
    const account: Account = {
      opened: new EventWindow(clock, limits.http2Streams, WINDOW_MS),
      resets: new EventWindow(clock, limits.http2Resets, WINDOW_MS),
      streams: 0,
      barredUntil: 0,
      usedAt: clock.monotonic(),
    };
    this.#accounts.set(key, account);
    return account;
  }

  #forgetOne(): void {
    let looked = 0;
    for (const [key, account] of this.#accounts) {
      this.#accounts.delete(key);
      if (account.streams === 0) return;
      this.#accounts.set(key, account);
      looked += 1;
      if (looked === LOOKED_AT) return;
    }
  }
}
