import { STREAMS } from '../../events/streams.ts';
import type { EventLog, StreamAppend, StreamName } from '../../log/event-log.ts';
import type { Clock } from '../../ports/ports.ts';
import type { Letter, MailStream } from './letter.ts';
import type { Mailbox } from './mailbox.ts';

export interface CursorKeeperOptions {
  readonly log: EventLog;
  readonly clock: Clock;
  /** Milliseconds between writes of changed counters. */
  readonly interval: number;
  readonly failed: (error: unknown) => void;
}

/** Counters of one append: whatever number of devices is busy, none of them makes it too large for the log. */
const MOST_TOGETHER = 4096;

/**
 * Writes mailbox counters lazily: a confirmation that a crash forgets only means that letters come again under the same
 * inbox numbers. Letters are released in the log strictly after the counters that cover them are durable, so no number
 * and no upstream sequence is ever forgotten.
 */
export class CursorKeeper {
  readonly #options: CursorKeeperOptions;
  #dirty = new Set<Mailbox>();
  #released = new Set<MailStream>();
  /** Truncations whose counters are durable, or will be with the write in progress. */
  readonly #truncations = new Map<StreamName, number>();
  #timer: (() => void) | undefined;
  #writing: Promise<void> | undefined;

  constructor(options: CursorKeeperOptions) {
    this.#options = options;
  }

  touched(mailbox: Mailbox): void {
    this.#dirty.add(mailbox);
    this.#schedule();
  }

  /** These letters are done for this device. */
  released(letters: readonly Letter[], mailbox: Mailbox): void {
    for (const letter of letters) {
      letter.waiting -= 1;
      if (letter.waiting === 0) this.#released.add(letter.mail);
    }
    this.touched(mailbox);
  }

  /** A letter that nobody waits for from the start (the sender was alone): only its space is to be given back. */
  unread(mail: MailStream): void {
    this.#released.add(mail);
    this.#schedule();
  }

  /** Writes what has changed, now. */
  async flush(): Promise<void> {
    while (this.#pending || this.#writing !== undefined) {
      this.#writing ??= this.#write().finally(() => {
        this.#writing = undefined;
      });
      await this.#writing;
    }
  }

  get #pending(): boolean {
    return this.#dirty.size > 0 || this.#released.size > 0 || this.#truncations.size > 0;
  }

  #schedule(): void {
    if (this.#timer === undefined) {
      this.#timer = this.#options.clock.after(this.#options.interval, () => {
        this.#timer = undefined;
        this.flush().catch((error: unknown) => {
          this.#options.failed(error);
          this.#schedule();
        });
      });
    }
  }

  async #write(): Promise<void> {
    const dirty = this.#dirty;
    this.#dirty = new Set();
    // Taken before the counters are read: what is released later waits for the next write.
    for (const mail of this.#released) {
      const before = mail.trim();
      if (before !== undefined) this.#truncations.set(mail.name, before);
    }
    this.#released = new Set();
    try {
      const changed = [...dirty];
      for (let from = 0; from < changed.length; from += MOST_TOGETHER) {
        const together = changed.slice(from, from + MOST_TOGETHER);
        await this.#options.log.append(together.map(cursorAppend));
      }
    } catch (error) {
      for (const mailbox of dirty) this.#dirty.add(mailbox);
      throw error;
    }
    for (const [stream, before] of this.#truncations) {
      await this.#options.log.truncate(stream, before);
      this.#truncations.delete(stream);
    }
  }
}

function cursorAppend(mailbox: Mailbox): StreamAppend {
  const { confirmed, next, missed, expired, lane } = mailbox;
  const { receivedToStore: received, refusals: refused } = lane;
  const counters = { confirmed, next, received, refused, missed, expired };
  return STREAMS.inbox.append(mailbox.device, 'any', [counters]);
}
