import type { EventLog, StreamAppend, StreamName } from '../../log/event-log.ts';
import { LogError } from '../../log/log-error.ts';
import type { CancelTimer, Clock } from '../../ports/ports.ts';
import type { Letter, MailStream } from './letter.ts';

export interface CarriedFactsOptions {
  readonly log: EventLog;
  readonly clock: Clock;
  /** Milliseconds until a fact that the log refused is tried again. */
  readonly interval: number;
  /** Nothing but its fact kept this letter in the log. */
  readonly released: (mail: MailStream) => void;
  readonly failed: (error: unknown) => void;
}

/** A letter and what became true with it. */
export interface CarriedFact {
  readonly letter: Letter;
  readonly fact: StreamAppend;
}

/** What a start finds in letters only. */
export interface RestoredFacts {
  readonly found: readonly StreamAppend[];
  /** Those of them that the log does not take now. */
  readonly owed: readonly StreamAppend[];
}

interface Owed extends CarriedFact {
  writing: Promise<void> | undefined;
}

/**
 * A fact and the letter that tells of it are one append: the letter carries the fact. With the letter the fact is in the
 * log; without it there is none. As facts outlive mail, they are then brought into their own stream, and the letter stays
 * in the log until they are there: a crash in between only means that the next start does it.
 */
export class CarriedFacts implements AsyncDisposable {
  readonly #options: CarriedFactsOptions;
  /** By stream. Whoever decides about a stream waits for `settled`, so that it is owed one fact at a time. */
  readonly #owed = new Map<string, Owed>();
  #timer: CancelTimer | undefined;

  constructor(options: CarriedFactsOptions) {
    this.#options = options;
  }

  /** The letter is durable. */
  carry({ letter, fact }: CarriedFact): void {
    letter.waiting += 1;
    const owed: Owed = { letter, fact, writing: undefined };
    this.#owed.set(fact.stream, owed);
    this.#bring(owed).catch(() => this.#schedule());
  }

  /**
   * Undefined when everything that was decided about the stream stands in it; otherwise resolves when it does.
   *
   * @throws LogError `LOG_UNAVAILABLE` when the log refuses.
   */
  settled(stream: StreamName): Promise<void> | undefined {
    const owed = this.#owed.get(stream);
    return owed === undefined ? undefined : this.#bring(owed);
  }

  /** At start: brings home what a crash left behind. */
  async restore(carried: Iterable<CarriedFact>): Promise<RestoredFacts> {
    const found: StreamAppend[] = [];
    for (const { letter, fact } of carried) {
      const { lastRevision } = await this.#options.log.streamState(fact.stream);
      const before = typeof fact.expected === 'number' ? fact.expected : -1;
      if (lastRevision < before + fact.events.length) {
        found.push(fact);
        this.carry({ letter, fact });
        await this.settled(fact.stream)?.catch(() => undefined);
      }
    }
    return { found, owed: Array.from(this.#owed.values(), ({ fact }) => fact) };
  }

  /** Tries once more; what stays behind is brought home by the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.();
    await Promise.allSettled(Array.from(this.#owed.values(), (owed) => this.#bring(owed)));
    this.#timer?.();
  }

  #bring(owed: Owed): Promise<void> {
    owed.writing ??= this.#append(owed).finally(() => {
      owed.writing = undefined;
    });
    return owed.writing;
  }

  async #append(owed: Owed): Promise<void> {
    const { letter, fact } = owed;
    try {
      await this.#options.log.append([fact]);
    } catch (error) {
      if (!(error instanceof LogError && error.code === 'LOG_WRONG_REVISION')) throw error;
      // The stream is not what it was when this was decided: files were exchanged. There is no place for the fact.
      this.#options.failed(error);
    }
    this.#owed.delete(fact.stream);
    letter.waiting -= 1;
    if (letter.waiting === 0) this.#options.released(letter.mail);
  }

  #schedule(): void {
    this.#timer ??= this.#options.clock.after(this.#options.interval, () => {
      this.#timer = undefined;
      for (const owed of this.#owed.values()) this.#bring(owed).catch(() => this.#schedule());
    });
  }
}
