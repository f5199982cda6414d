import type pg from 'pg';
import type { EventLog } from '../../log/event-log.ts';
import type { Clock } from '../../ports/ports.ts';
import type { ProjectionLogger, ProjectionMetrics } from '../tables/ports.ts';
import { PoisonError, ProjectionError } from '../tables/projection-error.ts';
import { dropRows, loadProgress, type Progress, type RebuildReason, storeError } from './checkpoints.ts';
import { Leadership } from './leadership.ts';
import type { Projection } from './projection.ts';
import { ProjectionCycle } from './projection-cycle.ts';

export interface ProjectionOptions {
  readonly log: EventLog;
  /** Ours to use, not to close. */
  readonly pool: pg.Pool;
  readonly projections: readonly Projection[];
  readonly clock: Clock;
  readonly logger: ProjectionLogger;
  readonly metrics?: ProjectionMetrics;
  /** Longest time between an event and its row, ms. @default 1000 */
  readonly windowMs?: number;
  /** Letters and facts in memory at which reading waits for the database. @default 20000 */
  readonly maxHeld?: number;
  /** Rest of the reader whenever it has caught up, ms: what is delivered meanwhile is never looked at. @default 0 */
  readonly restMs?: number;
  /** How often a server that stands by asks whether it is needed, ms. @default 5000 */
  readonly standbyMs?: number;
}

/** `waiting`: the database does not answer. `standby`: another server runs the projections. */
export type RunnerRole = 'starting' | 'active' | 'standby' | 'waiting' | 'stopped';

export interface ProjectionState {
  readonly name: string;
  /** Every event up to this position is in the rows. */
  readonly checkpoint: number;
  /** Positions behind the head of the log. */
  readonly lag: number;
  /** Why it stands still. */
  readonly error: string | undefined;
}

export interface ProjectionStatus {
  readonly role: RunnerRole;
  /** Whether rows are being kept up to date, here or by another server, by all projections. */
  readonly up: boolean;
  readonly head: number;
  /** The lowest of the projections' checkpoints, and its lag. */
  readonly checkpoint: number;
  readonly lag: number;
  /** What the database failed with, or the first projection that stands still. */
  readonly error: string | undefined;
  readonly projections: readonly ProjectionState[];
}

export interface ProjectionRunner extends AsyncDisposable {
  projectionStatus(): ProjectionStatus;
}

const DEFAULTS = { windowMs: 1000, maxHeld: 20_000, restMs: 0, standbyMs: 5000 } as const;
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 15_000;

/**
 * Keeps the read models up to date until it is disposed. Never throws and never holds the server up: without a database
 * it tries again, later and later; a projection that meets an event it cannot handle stands still and the others go on.
 */
export function runProjections(options: ProjectionOptions): ProjectionRunner {
  return new Runner(options);
}

class Runner implements ProjectionRunner {
  readonly #options: ProjectionOptions;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #role: RunnerRole = 'starting';
  #outage: string | undefined;
  #failures = 0;
  #progress: readonly Progress[];

  constructor(options: ProjectionOptions) {
    this.#options = options;
    this.#progress = options.projections.map((projection) => ({
      projection,
      position: 0,
      eventTime: 0,
      anchor: undefined,
      horizon: 0,
      error: undefined,
    }));
    this.#ended = this.#supervise();
  }

  projectionStatus(): ProjectionStatus {
    const head = this.#options.log.headPosition;
    const projections = this.#progress.map(
      ({ projection, position, error }): ProjectionState => ({
        name: projection.name,
        checkpoint: position,
        lag: Math.max(0, head - position),
        error,
      }),
    );
    const checkpoint =
      projections.length === 0 ? head : Math.min(...projections.map((one) => one.checkpoint));
    const error = this.#outage ?? projections.find((one) => one.error !== undefined)?.error;
    const up = error === undefined && (this.#role === 'active' || this.#role === 'standby');
    return {
      role: this.#role,
      up,
      head,
      checkpoint,
      lag: Math.max(0, head - checkpoint),
      error,
      projections,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  async #supervise(): Promise<void> {
    const { logger, metrics } = this.#options;
    while (!this.#stop.signal.aborted) {
      try {
        await this.#once();
      } catch (error) {
        this.#failures += 1;
        this.#role = 'waiting';
        this.#outage = error instanceof Error ? error.message || error.name : String(error);
        metrics?.failure('outage');
        const retryMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(this.#failures - 1, 10));
        logger.warn({ err: error, retryMs }, 'projections wait for the database');
        await this.#pause(retryMs);
      }
    }
    this.#role = 'stopped';
  }

  /** Leads until something ends it, or asks once and stands by. */
  async #once(): Promise<void> {
    const { log, pool, projections, standbyMs = DEFAULTS.standbyMs } = this.#options;
    await using leadership = await Leadership.acquire(pool);
    if (leadership === undefined) {
      await this.#lookOn();
      await this.#pause(standbyMs);
      return;
    }
    this.#progress = await leadership.transaction((db) => loadProgress(db, projections, log, this.#rebuilt));
    this.#options.logger.info({ checkpoint: this.#least() }, 'projections are running here');
    this.#becomes('active');
    await this.#lead(leadership);
  }

  async #lead(leadership: Leadership): Promise<void> {
    const { log, clock, metrics } = this.#options;
    const {
      windowMs = DEFAULTS.windowMs,
      maxHeld = DEFAULTS.maxHeld,
      restMs = DEFAULTS.restMs,
    } = this.#options;
    const signal = AbortSignal.any([this.#stop.signal, leadership.lost]);
    while (!signal.aborted) {
      const going = this.#progress.filter((one) => one.error === undefined);
      if (going.length === 0) {
        await this.#pause(LONGEST_RETRY_MS, signal);
        continue;
      }
      const cycle = new ProjectionCycle(
        { log, leadership, clock, metrics, windowMs, maxHeld, restMs },
        going,
      );
      try {
        await cycle.follow(signal);
      } catch (error) {
        if (!(error instanceof PoisonError) || leadership.lost.aborted) throw error;
        await this.#standStill(leadership, error);
      }
    }
    if (leadership.lost.aborted && !this.#stop.signal.aborted) throw leadership.lost.reason;
  }

  async #standStill(leadership: Leadership, poison: PoisonError): Promise<void> {
    const stopped = this.#progress.find((one) => one.projection.name === poison.projection);
    if (stopped === undefined) throw poison;
    stopped.error = poison.message;
    this.#options.metrics?.failure('poison');
    this.#options.logger.error({ err: poison, projection: poison.projection }, poison.message);
    await leadership.transaction((db) => storeError(db, this.#options.log.epoch, stopped, poison.message));
  }

  readonly #rebuilt = (projection: string, reason: RebuildReason): void => {
    this.#options.metrics?.rebuilt(reason);
    this.#options.logger.warn(
      { projection, reason },
      'the rows of a projection do not fit; they are built again',
    );
  };

  /** What the server that runs the projections has written down. */
  async #lookOn(): Promise<void> {
    const { rows } = await this.#options.pool.query<{
      projection: string;
      position: number;
      error: string | null;
    }>('select projection, position, error from projection_checkpoint');
    for (const one of this.#progress) {
      const row = rows.find((candidate) => candidate.projection === one.projection.name);
      one.position = row?.position ?? 0;
      one.error = row?.error ?? undefined;
    }
    this.#becomes('standby');
  }

  #becomes(role: RunnerRole): void {
    this.#role = role;
    this.#outage = undefined;
    this.#failures = 0;
  }

  #least(): number {
    return Math.min(...this.#progress.map((one) => one.position));
  }

  #pause(delayMs: number, signal: AbortSignal = this.#stop.signal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const wake = (): void => {
        cancel();
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const cancel = this.#options.clock.after(delayMs, wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}

/**
 * Drops the rows of the projections and builds them again from position 0; returns when they are where the log's end was.
 * The rows are the same as before, also when delivered mail has left the log since.
 *
 * @throws ProjectionError `PROJECTIONS_BUSY` (retryable) while a server runs the projections, `PROJECTION_POISONED` at an event that one of them cannot handle.
 */
export async function rebuildProjections(options: ProjectionOptions): Promise<void> {
  const { log, pool, projections, clock, metrics } = options;
  await using leadership = await Leadership.acquire(pool);
  if (leadership === undefined) {
    const text = 'a server runs the projections of this database; stop it and try again';
    throw new ProjectionError('PROJECTIONS_BUSY', text, { retryable: true });
  }
  await leadership.transaction(async (db) => {
    for (const projection of projections) await dropRows(db, projection);
  });
  const progress = await leadership.transaction((db) => loadProgress(db, projections, log));
  const { windowMs = DEFAULTS.windowMs, maxHeld = DEFAULTS.maxHeld } = options;
  await new ProjectionCycle(
    { log, leadership, clock, metrics, windowMs, maxHeld, restMs: 0 },
    progress,
  ).catchUp();
}
