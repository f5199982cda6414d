import { join } from 'node:path';
import type pg from 'pg';
import { type Config, postgresChoice } from '../config/index.ts';
import type { EventLog } from '../log/event-log.ts';
import type { CancelTimer, Clock, Random } from '../ports/ports.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';
import { type ProjectionRunner, type ProjectionStatus, runProjections } from './engine/runner.ts';
import { READ_MODELS } from './models/all-models.ts';
import { startEmbeddedPostgres } from './postgres/embedded-postgres.ts';
import { migrate } from './postgres/migrate.ts';
import { openPostgres } from './postgres/postgres.ts';

export interface ReadModelsOptions {
  readonly config: Config;
  readonly log: EventLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Milliseconds until the next attempt to reach or start the database: doubled each time. */
const FIRST_RETRY = 10_000;
const LONGEST_RETRY = 300_000;
/** Milliseconds that rows may lag behind: three times as long as a delivered letter stays in the log. */
const REST = 1_500;

/**
 * The database and its projections, beside the relay: nothing waits for them. Their failures are retried and reported,
 * messages flow meanwhile.
 */
export class ReadModels implements AsyncDisposable {
  readonly #options: ReadModelsOptions;
  readonly #closers: (() => PromiseLike<unknown>)[] = [];
  #runner: ProjectionRunner | undefined;
  #starting: Promise<void> | undefined;
  #retry: CancelTimer | undefined;
  #retryMs = FIRST_RETRY;
  readonly #stop = new AbortController();
  /** As they were when the database was last seen. */
  readonly #checkpoints = new Map<string, number>();

  constructor(options: ReadModelsOptions) {
    this.#options = options;
    if (postgresChoice(options.config).kind === 'none') return;
    for (const { name: projection } of READ_MODELS) {
      const lag = (): number => this.#lagOf(projection);
      options.metrics.gaugeFrom('commucat_projection_lag_events', lag, { projection });
    }
  }

  /** `undefined` while there is no database: none is wanted, or it is not up yet. */
  status(): ProjectionStatus | undefined {
    return this.#runner?.projectionStatus();
  }

  /** Position below which no read model needs an event any more: the log may forget what is over. 0 while nobody knows. */
  get seen(): number {
    const isWanted = postgresChoice(this.#options.config).kind !== 'none';
    return isWanted ? (this.status()?.checkpoint ?? 0) : Number.POSITIVE_INFINITY;
  }

  /** Starts in the background; returns at once. */
  start(): void {
    if (postgresChoice(this.#options.config).kind === 'none') return;
    this.#starting = this.#start().catch(async (error: unknown) => {
      await this.#close();
      if (this.#stop.signal.aborted) return;
      this.#options.logger.error({ err: error, retryMs: this.#retryMs }, 'read models are not available');
      this.#retry = this.#options.clock.after(this.#retryMs, () => this.start());
      this.#retryMs = Math.min(2 * this.#retryMs, LONGEST_RETRY);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#retry?.();
    await this.#starting;
    await this.#close();
  }

  /** Behind the head of the log, which goes on while the database is away. */
  #lagOf(projection: string): number {
    const known = this.status()?.projections.find(({ name }) => name === projection);
    if (known !== undefined) this.#checkpoints.set(projection, known.checkpoint);
    return Math.max(0, this.#options.log.headPosition - (this.#checkpoints.get(projection) ?? 0));
  }

  async #start(): Promise<void> {
    const { log, clock, logger, metrics } = this.#options;
    const dsn = await this.#dsn();
    await migrate(dsn, logger, { signal: this.#stop.signal });
    const pool = openPostgres({
      dsn,
      onIdleError: (error) => logger.warn({ err: error }, 'idle database connection failed'),
    });
    this.#closers.push(() => pool.end());
    if (!this.#stop.signal.aborted) this.#run(pool, log, clock, logger, metrics);
  }

  #run(pool: pg.Pool, log: EventLog, clock: Clock, logger: Logger, metrics: Metrics): void {
    const runner = runProjections({
      log,
      pool,
      projections: READ_MODELS,
      clock,
      restMs: REST,
      logger,
      metrics: {
        failure: (kind) => metrics.counter('commucat_projection_failures_total', { kind }).add(),
        rebuilt: (reason) => metrics.counter('commucat_projection_rebuilds_total', { reason }).add(),
        written: (seconds) => metrics.histogram('commucat_projection_write_seconds').observe(seconds),
      },
    });
    this.#runner = runner;
    this.#closers.push(() => {
      this.#runner = undefined;
      return runner[Symbol.asyncDispose]();
    });
  }

  async #dsn(): Promise<string> {
    const { config, random } = this.#options;
    const choice = postgresChoice(config);
    if (choice.kind === 'dsn') return choice.dsn;
    const directory = join(config.storage.dataDir, 'postgres');
    const postgres = await startEmbeddedPostgres({ directory, random, signal: this.#stop.signal });
    this.#closers.push(() => postgres[Symbol.asyncDispose]());
    return postgres.dsn;
  }

  async #close(): Promise<void> {
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) {
      try {
        await close();
      } catch (error) {
        this.#options.logger.warn({ err: error }, 'closing the read models failed');
      }
    }
  }
}
