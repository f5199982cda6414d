import type { CancelTimer, Clock } from '../ports/ports.ts';
import type { Presence } from './presence.ts';

/**
 * Keeps the entries of connected sessions alive: presence must not expire on an open connection. One timer for all,
 * three times per ttl, so that two failed rounds are survived.
 */
export class PresenceRefresher implements Disposable {
  readonly #presence: Presence;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #onError: (error: unknown) => void;
  readonly #connected = new Map<number, string>();
  #cancel: CancelTimer | undefined;

  /** @param onError hears of refreshes that failed; they are tried again in the next round */
  constructor(presence: Presence, clock: Clock, ttlSeconds: number, onError: (error: unknown) => void) {
    this.#presence = presence;
    this.#clock = clock;
    this.#intervalMs = (ttlSeconds * 1000) / 3;
    this.#onError = onError;
  }

  /** From now on the session's entry is refreshed. */
  add(session: number, device: string): void {
    this.#connected.set(session, device);
    if (this.#cancel === undefined) this.#arm();
  }

  remove(session: number): void {
    this.#connected.delete(session);
    if (this.#connected.size === 0) this[Symbol.dispose]();
  }

  /** Stops the timer; `add` starts it again. */
  [Symbol.dispose](): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #arm(): void {
    this.#cancel = this.#clock.after(this.#intervalMs, () => {
      for (const [session, device] of this.#connected) {
        this.#presence.refresh(device, session).catch(this.#onError);
      }
      this.#arm();
    });
  }
}
