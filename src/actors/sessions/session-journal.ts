import type { SessionOpened, SessionsNoted } from '../../events/events.ts';
import { type EventOf, STREAMS } from '../../events/streams.ts';
import type { EventLog, RecordedEvent, StreamName } from '../../log/event-log.ts';
import type { CancelTimer, Clock } from '../../ports/ports.ts';
import type { RelayEvents } from '../runtime/relay-events.ts';
import type { WriteBreaker } from '../runtime/write-breaker.ts';

/** What a start looks through behind the last note. */
const JOURNALS = [STREAMS.session.category, STREAMS.call.category];
/** What opens and closes until what is open is noted again: at most what a start has to read. */
const NOTE_EVERY = 4096;
/** Sessions that are closed with one append. */
const CLOSED_AT_ONCE = 256;
/** Milliseconds until a log that refused the ends of sessions is asked again. */
const RETRY_MS = 1_000;

interface End {
  readonly device: string;
  readonly reason: string;
}

export interface SessionJournalOptions {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly events: RelayEvents;
  /** Is told whether the beginnings and ends of sessions could be written, and asked before one is tried again. */
  readonly breaker: WriteBreaker;
}

/**
 * The journal of sessions: a stream for each, by the hash of its token, and now and then a note of what is open. Calls have streams
 * of their own and tell here when they begin and end: what a kill cuts off is found by the same note.
 */
export class SessionJournal implements AsyncDisposable {
  readonly #options: SessionJournalOptions;
  readonly #log: EventLog;
  /** Device of each session whose end is not durable. */
  readonly #open = new Map<string, string>();
  /** Streams of calls whose end is not durable. */
  readonly #calls = new Set<StreamName>();
  /** Ends that are not durable, the oldest first. While the log refuses, they wait here. */
  readonly #ends = new Map<string, End>();
  #writing: Promise<void> | undefined;
  #retry: CancelTimer | undefined;
  /** Sessions and calls begun and ended since the last note. */
  #changes = 0;

  constructor(options: SessionJournalOptions) {
    this.#options = options;
    this.#log = options.log;
  }

  /**
   * Closes the sessions that were open when an earlier process was killed, before any session is opened, and finds the calls
   * that ran then. Reads the last note and what came behind it. What the log refuses is written when it takes it again.
   */
  async restore(): Promise<void> {
    const noted = await this.#lastNote();
    for (const [id, device] of noted.open) this.#open.set(id, device);
    for (const stream of noted.calls ?? []) this.#calls.add(stream);
    // A version that noted no calls may have left one open long before its last note.
    const after = noted.calls === null ? 0 : noted.position;
    for await (const recorded of this.#log.readAll({ after, categories: JOURNALS })) {
      this.#fold(recorded);
    }
    for (const [id, device] of this.#open) {
      // A note may name a session whose end was on its way: the log says whether it got there.
      const { lastRevision } = await this.#log.streamState(STREAMS.session.stream(id));
      if (lastRevision > 0) this.#open.delete(id);
      else this.#ends.set(id, { device, reason: 'server_restart' });
    }
    await this.#writeEnds();
    // Also in a new log: there is a note from the first moment on.
    await this.#note();
  }

  /** Streams of calls that may run. Behind `restore`: what an earlier process has left. */
  get calls(): readonly StreamName[] {
    return [...this.#calls];
  }

  /** Called before the offer of a call is written: in time for every note that stands behind it. */
  callBegins(stream: StreamName): void {
    this.#calls.add(stream);
    this.#changed();
  }

  /** The end of a call is durable, or its offer was not written. */
  callIsOver(stream: StreamName): void {
    if (this.#calls.delete(stream)) this.#changed();
  }

  /** Resolves when it is durable. */
  async opened(id: string, event: SessionOpened): Promise<void> {
    const { breaker } = this.#options;
    this.#open.set(id, event.device);
    const durable = this.#append([[id, event]]);
    this.#changed();
    try {
      await durable;
      breaker.succeeded();
    } catch (error) {
      breaker.failed();
      this.#open.delete(id);
      throw error;
    }
  }

  /** Nobody waits for it. Ends of one turn are written together. */
  closed(id: string, device: string, reason: string): void {
    this.#ends.set(id, { device, reason });
    this.#changed();
    if (this.#retry === undefined) this.#startWriting();
  }

  /** Tries once more to write what waits, and notes what is open in the end: nothing, when all was in order. */
  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    this.#retry?.();
    await this.#writeEnds();
    this.#retry?.();
    if (this.#changes > 0) await this.#note();
  }

  #fold(recorded: RecordedEvent): void {
    const { stream } = recorded;
    if (STREAMS.call.has(stream)) {
      const { type } = STREAMS.call.decode(recorded);
      if (type === 'call.offered') this.#calls.add(stream);
      else if (type === 'call.ended') this.#calls.delete(stream);
      return;
    }
    const event = STREAMS.session.decode(recorded);
    const id = STREAMS.session.keyOf(stream);
    if (event.type === 'session.opened') this.#open.set(id, event.device);
    else this.#open.delete(id);
  }

  async #lastNote(): Promise<Pick<SessionsNoted, 'open' | 'calls'> & { readonly position: number }> {
    const { stream } = STREAMS.sessions;
    const { lastRevision } = await this.#log.streamState(stream);
    for await (const recorded of this.#log.readStream(stream, { fromRevision: Math.max(0, lastRevision) })) {
      const { open, calls } = STREAMS.sessions.decode(recorded);
      return { open, calls, position: recorded.position };
    }
    return { open: [], calls: [], position: 0 };
  }

  #startWriting(): void {
    this.#writing ??= Promise.resolve()
      .then(() => this.#writeEnds())
      .finally(() => {
        this.#writing = undefined;
        // Came while the last of them was written.
        if (this.#ends.size > 0 && this.#retry === undefined) this.#startWriting();
      });
  }

  /** Until the log refuses: then all that is left waits, and one append in a while finds out whether it takes them again. */
  async #writeEnds(): Promise<void> {
    const { events, breaker } = this.#options;
    while (this.#ends.size > 0) {
      const together = Array.from(this.#ends).slice(0, CLOSED_AT_ONCE);
      try {
        await this.#append(together.map(([id, end]) => [id, { type: 'session.closed', ...end }]));
      } catch (error) {
        breaker.failed();
        events.failed('session.closed', error);
        this.#tryLater();
        return;
      }
      breaker.succeeded();
      for (const [id] of together) {
        this.#ends.delete(id);
        this.#open.delete(id);
      }
    }
  }

  #tryLater(): void {
    this.#retry = this.#options.clock.after(RETRY_MS, () => {
      this.#retry = undefined;
      // Somebody else may be trying: when that succeeds, so does this, a little later.
      if (this.#options.breaker.mayTry()) this.#startWriting();
      else this.#tryLater();
    });
  }

  #changed(): void {
    this.#changes += 1;
    // A note costs as much as it names.
    const open = this.#open.size + this.#calls.size;
    if (this.#changes >= Math.max(NOTE_EVERY, 2 * open)) void this.#note();
  }

  /** In the log it stands behind all that was appended before, and so does what it says. */
  async #note(): Promise<void> {
    this.#changes = 0;
    const noted = { type: 'sessions.noted', open: [...this.#open], calls: this.calls } as const;
    try {
      await this.#log.append([STREAMS.sessions.append('any', [noted])]);
    } catch (error) {
      this.#options.events.failed('sessions.noted', error);
    }
  }

  async #append(events: readonly (readonly [id: string, event: EventOf<'session'>])[]): Promise<void> {
    await this.#log.append(events.map(([id, event]) => STREAMS.session.append(id, 'any', [event])));
  }
}
