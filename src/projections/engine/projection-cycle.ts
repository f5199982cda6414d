import { retentionOf } from '../../events/retention.ts';
import type { EventLog, RecordedEvent } from '../../log/event-log.ts';
import type { CancelTimer, Clock } from '../../ports/ports.ts';
import type { ProjectionMetrics } from '../tables/ports.ts';
import { PoisonError } from '../tables/projection-error.ts';
import { type Anchor, anchorOf } from './anchor.ts';
import { type Checkpoint, type Progress, storeCheckpoints } from './checkpoints.ts';
import type { Leadership } from './leadership.ts';
import { type Lane, Router } from './router.ts';

export interface CycleOptions {
  readonly log: EventLog;
  readonly leadership: Leadership;
  readonly clock: Clock;
  readonly metrics: ProjectionMetrics | undefined;
  /** Longest time that an event waits for its transaction, ms. */
  readonly windowMs: number;
  /** Entries in memory at which the reader waits for the database. */
  readonly maxHeld: number;
  /**
   * Time that the reader rests when it has caught up, ms. Letters that are delivered and truncated meanwhile are passed
   * over by the log and cost next to nothing.
   */
  readonly restMs: number;
}

/** One letter to a large channel may be thousands of entries, but looking after each event would cost as much as a letter. */
const EVENTS_PER_CHECK = 32;
/** Rows expire by the minute: only then the tables are looked through although nothing happened to them. */
const HORIZON_STEP_MS = 60_000;

/**
 * From the checkpoints on: gathers events for a window, writes them, and so on until something fails. What failed is for
 * the runner to judge; all state that matters is in the database, so the next cycle begins from the checkpoints again.
 */
export class ProjectionCycle {
  readonly #options: CycleOptions;
  readonly #lanes: readonly Lane[];
  readonly #router: Router;
  /** Up to here the lanes have been handed everything. */
  #position: number;
  #eventTime = 0;
  /** The newest fact that was read. */
  #fact: RecordedEvent | undefined;
  #windowStart: number | undefined;
  #timer: CancelTimer | undefined;
  /** The transaction under way and those that wait for it. */
  #writing: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;
  readonly #failed: Promise<never>;
  #reject: (error: unknown) => void = () => undefined;
  #endRest: () => void = () => undefined;

  constructor(options: CycleOptions, progress: readonly Progress[]) {
    this.#options = options;
    this.#lanes = progress.map((one) => ({ progress: one, batch: one.projection.batch() }));
    this.#router = new Router(this.#lanes);
    this.#position = Math.min(...progress.map((one) => one.position));
    this.#failed = new Promise<never>((_, reject) => {
      this.#reject = reject;
    });
    // `follow` races it and `#failure` keeps the error; without this a cycle that only catches up would leave it unhandled.
    this.#failed.catch(() => undefined);
  }

  /** Follows the log until `signal` aborts. @throws PoisonError, or whatever the database or the log failed with. */
  async follow(signal: AbortSignal): Promise<void> {
    const subscription = this.#options.log.subscribeAll((events) => this.#takeLive(events), {
      after: this.#position,
    });
    try {
      await Promise.race([subscription.done, this.#failed, aborted(signal)]);
    } finally {
      this.#timer?.();
      this.#endRest();
      await subscription[Symbol.asyncDispose]();
      await this.#writing;
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Reads what the log holds now, to its end, and writes it. */
  async catchUp(): Promise<void> {
    const { log } = this.#options;
    const head = log.headPosition;
    try {
      for await (const event of log.readAll({ after: this.#position })) await this.#take([event]);
      // The newest events may have been truncated; having read to the end is having seen them.
      this.#position = Math.max(this.#position, head);
      await this.#flush();
    } finally {
      this.#timer?.();
      await this.#writing;
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #takeLive(events: readonly RecordedEvent[]): Promise<void> {
    await this.#take(events);
    const { clock, log, restMs } = this.#options;
    if (restMs > 0 && this.#position >= log.headPosition) {
      await new Promise<void>((resolve) => {
        const cancel = clock.after(restMs, resolve);
        this.#endRest = () => {
          cancel();
          resolve();
        };
      });
    }
  }

  async #take(events: readonly RecordedEvent[]): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    let unchecked = 0;
    for (const event of events) {
      try {
        this.#router.route(event);
      } catch (poison) {
        await this.#flush();
        this.#fail(poison);
        return;
      }
      this.#position = event.position;
      if (retentionOf(event.stream) === 'facts') this.#fact = event;
      if (event.recordedAt > this.#eventTime) this.#eventTime = event.recordedAt;
      unchecked += 1;
      if (unchecked === EVENTS_PER_CHECK) {
        unchecked = 0;
        if (this.#held() >= this.#options.maxHeld) await this.#flush();
      }
    }
    await this.#endTurn();
  }

  /** Writes now when memory or time is used up; otherwise the timer will. */
  async #endTurn(): Promise<void> {
    const { clock, windowMs, maxHeld } = this.#options;
    if (this.#windowStart === undefined) {
      this.#windowStart = clock.monotonic();
      this.#timer = clock.after(windowMs, () => void this.#flush());
    }
    // A log that is read at full speed leaves timers little room; the reader then waits here.
    const overdue = clock.monotonic() - this.#windowStart > 2 * windowMs;
    if (overdue || this.#held() >= maxHeld) await this.#flush();
  }

  #held(): number {
    let held = 0;
    for (const lane of this.#lanes) held += lane.batch.held;
    return held;
  }

  /** Never rejects: a failure ends the cycle. */
  #flush(): Promise<void> {
    this.#timer?.();
    this.#timer = undefined;
    this.#windowStart = undefined;
    this.#writing = this.#writeAfter(this.#writing);
    return this.#writing;
  }

  async #writeAfter(previous: Promise<void>): Promise<void> {
    await previous;
    if (this.#failure !== undefined) return;
    try {
      await this.#write();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#reject(error);
  }

  /**
   * One transaction for each projection that has rows to write, so that one that fails leaves the others alone, and one
   * for the checkpoints of all the rest. What arrives meanwhile goes into fresh batches.
   */
  async #write(): Promise<void> {
    const { clock, metrics } = this.#options;
    const { epoch } = this.#options.log;
    const started = clock.monotonic();
    const position = this.#position;
    const fact = this.#fact === undefined ? undefined : anchorOf(this.#fact);
    const work = this.#lanes
      .filter((lane) => position > lane.progress.position)
      .map((lane) => {
        const { batch } = lane;
        if (batch.held > 0) lane.batch = lane.progress.projection.batch();
        return { lane, batch, eventTime: Math.max(lane.progress.eventTime, this.#eventTime) };
      });
    const idle: { readonly lane: Lane; readonly checkpoint: Checkpoint }[] = [];
    for (const { lane, batch, eventTime } of work) {
      const { progress } = lane;
      const horizon = Math.floor(eventTime / HORIZON_STEP_MS) * HORIZON_STEP_MS;
      const anchor = laterOf(progress.anchor, fact);
      const checkpoint = { projection: progress.projection, position, eventTime, anchor };
      if (batch.held === 0 && horizon <= progress.horizon) {
        idle.push({ lane, checkpoint });
        continue;
      }
      await this.#options.leadership
        .transaction(async (db) => {
          await batch.write(db, horizon);
          await storeCheckpoints(db, epoch, [checkpoint]);
        })
        .catch((error: unknown) => {
          throw refusesRows(error) ? poisoned(lane, position, error) : error;
        });
      Object.assign(progress, { position, eventTime, horizon, anchor });
    }
    if (idle.length > 0) {
      await this.#options.leadership.transaction((db) =>
        storeCheckpoints(
          db,
          epoch,
          idle.map((one) => one.checkpoint),
        ),
      );
      for (const { lane, checkpoint } of idle) {
        const { eventTime, anchor } = checkpoint;
        Object.assign(lane.progress, { position, eventTime, anchor });
      }
    }
    if (work.length > 0) metrics?.written((clock.monotonic() - started) / 1000);
  }
}

/** A projection that is ahead of others has seen facts that are only read again for them. */
function laterOf(known: Anchor | undefined, fact: Anchor | undefined): Anchor | undefined {
  if (known === undefined || fact === undefined) return known ?? fact;
  return fact.position > known.position ? fact : known;
}

/**
 * SQLSTATE classes 22 (data exception) and 23 (integrity constraint violation): the rows themselves are refused, trying
 * again changes nothing. An error of our own code while it makes the rows counts as much. Everything else (connection, disk, lock, schema not migrated yet) may pass.
 */
function refusesRows(error: unknown): boolean {
  if (error instanceof RangeError || error instanceof TypeError) return true;
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' && /^2[23]...$/.test(code);
}

function poisoned(lane: Lane, position: number, error: unknown): PoisonError {
  const { projection, position: from } = lane.progress;
  return new PoisonError(projection.name, `by an event between positions ${from + 1} and ${position}`, error);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
