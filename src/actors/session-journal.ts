import type { EventLog, StreamAppend } from '../log/event-log.ts';
import type { SessionClosed, SessionOpened, SessionsNoted } from '../log/events.ts';
import { decodeFact, encodeFact } from '../log/fact-encoding.ts';
import { LogError } from '../log/log-error.ts';
import type { RelayEvents } from './relay-events.ts';
import type { WriteBreaker } from './write-breaker.ts';

/** Where the notes are. */
const NOTES = 'sessions';
const PREFIX = 'session-';
/** Sessions opened and closed after which the open ones are noted again: at most what a start has to read. */
const NOTE_EVERY = 4096;
/** Sessions that are closed with one flush of the log. */
const CLOSED_AT_ONCE = 256;

/** The journal of sessions: stream `session-<hash of the token>`, and now and then a note of those that are open. */
export class SessionJournal implements AsyncDisposable {
  readonly #log: EventLog;
  readonly #events: RelayEvents;
  readonly #breaker: WriteBreaker | undefined;
  /** Device of each session whose end is not durable. */
  readonly #open = new Map<string, string>();
  readonly #closing = new Set<Promise<void>>();
  /** Sessions opened and closed since the last note. */
  #changes = 0;

  /** @param breaker is told whether the beginning of a session could be written */
  constructor(log: EventLog, events: RelayEvents, breaker?: WriteBreaker) {
    this.#log = log;
    this.#events = events;
    this.#breaker = breaker;
  }

  /**
   * Closes what was open when an earlier process was killed, before any session is opened. Reads the last note and what came
   * behind it. What the disk refuses is left for the next start.
   */
  async restore(): Promise<void> {
    const noted = await this.#lastNote();
    for (const [id, device] of noted.open) this.#open.set(id, device);
    for await (const recorded of this.#log.readAll({ after: noted.position, categories: ['session'] })) {
      const id = recorded.stream.slice(PREFIX.length);
      const event = decodeFact(recorded);
      if (event.type === 'session.opened') this.#open.set(id, event.device);
      else this.#open.delete(id);
    }
    const left = [...this.#open];
    for (let i = 0; i < left.length; i += CLOSED_AT_ONCE) {
      await Promise.all(
        left.slice(i, i + CLOSED_AT_ONCE).map(([id, device]) => this.#closeLeftOpen(id, device)),
      );
    }
    // Also in a new log: there is a note from the first moment on.
    await this.#note();
  }

  /** Resolves when it is durable. */
  async opened(id: string, event: SessionOpened): Promise<void> {
    this.#open.set(id, event.device);
    const durable = this.#append(id, event);
    this.#changed();
    try {
      await durable;
      this.#breaker?.succeeded();
    } catch (error) {
      this.#breaker?.failed();
      this.#open.delete(id);
      throw error;
    }
  }

  /** Nobody waits for it. */
  closed(id: string, device: string, reason: string): void {
    const closing = this.#append(id, { type: 'session.closed', device, reason }).then(
      () => void this.#open.delete(id),
      (error: unknown) => this.#events.failed('session.closed', error),
    );
    this.#closing.add(closing);
    void closing.finally(() => this.#closing.delete(closing));
    this.#changed();
  }

  /** Notes what is open in the end: nothing, when all was in order. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#closing);
    if (this.#changes > 0) await this.#note();
  }

  async #lastNote(): Promise<Pick<SessionsNoted, 'open'> & { readonly position: number }> {
    const { lastRevision } = await this.#log.streamState(NOTES);
    for await (const recorded of this.#log.readStream(NOTES, { fromRevision: Math.max(0, lastRevision) })) {
      const { open } = decodeFact(recorded) as SessionsNoted;
      return { open, position: recorded.position };
    }
    return { open: [], position: 0 };
  }

  /** A note may name a session whose end was on its way: the log says whether it got there. */
  async #closeLeftOpen(id: string, device: string): Promise<void> {
    const closed = { type: 'session.closed', device, reason: 'server_restart' } as const;
    try {
      await this.#log.append([{ ...this.#appendOf(id, closed), expected: 0 }]);
      this.#open.delete(id);
    } catch (error) {
      if (error instanceof LogError && error.code === 'LOG_WRONG_REVISION') this.#open.delete(id);
      else this.#events.failed('session.closed', error);
    }
  }

  #changed(): void {
    this.#changes += 1;
    // A note costs as much as it names.
    if (this.#changes >= Math.max(NOTE_EVERY, 2 * this.#open.size)) void this.#note();
  }

  /** In the log it stands behind all that was appended before, and so does what it says. */
  async #note(): Promise<void> {
    this.#changes = 0;
    const events = [encodeFact({ type: 'sessions.noted', open: [...this.#open] })];
    try {
      await this.#log.append([{ stream: NOTES, expected: 'any', events }]);
    } catch (error) {
      this.#events.failed('sessions.noted', error);
    }
  }

  async #append(id: string, event: SessionOpened | SessionClosed): Promise<void> {
    await this.#log.append([this.#appendOf(id, event)]);
  }

  #appendOf(id: string, event: SessionOpened | SessionClosed): StreamAppend {
    return { stream: `${PREFIX}${id}`, expected: 'any', events: [encodeFact(event)] };
  }
}
