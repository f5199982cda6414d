import type { CancelTimer, Clock } from '../../ports/ports.ts';
import type { CursorKeeper } from './cursor-keeper.ts';
import type { MailTime } from './mail-clock.ts';
import type { Mailboxes } from './mailboxes.ts';

export interface MailExpiryParts {
  readonly mailboxes: Mailboxes;
  readonly cursors: Pick<CursorKeeper, 'released'>;
  readonly mailClock: MailTime;
  readonly clock: Pick<Clock, 'after'>;
  /** Milliseconds between searches. */
  readonly interval: number;
  readonly events: { expired(letters: number): void };
}

/**
 * Drops letters whose time is over, now and then. The first time is at once: what had expired before a crash must not come
 * back behind frames that were delivered since.
 */
export class MailExpiry implements Disposable {
  readonly #parts: MailExpiryParts;
  #cancel: CancelTimer | undefined;

  constructor(parts: MailExpiryParts) {
    this.#parts = parts;
    this.#run();
  }

  [Symbol.dispose](): void {
    this.#cancel?.();
  }

  #run(): void {
    const { clock, cursors, events, interval, mailboxes, mailClock } = this.#parts;
    for (const [mailbox, letters] of mailboxes.expire(mailClock.now())) {
      events.expired(letters.length);
      cursors.released(letters, mailbox);
    }
    this.#cancel = clock.after(interval, () => this.#run());
  }
}
