import type {
  Appended,
  EventLog,
  EventRef,
  ReadAllOptions,
  ReadStreamOptions,
  RecordedEvent,
  StreamAppend,
  StreamMetadata,
  StreamState,
  Subscriber,
  Subscription,
} from '../../src/log/event-log.ts';
import { LogError } from '../../src/log/log-error.ts';
import { MemoryLog } from '../../src/log/memory/memory-log.ts';
import { type RetentionClass, retentionOf } from '../../src/log/retention.ts';
import type { Scheduler } from '../kit/scheduler.ts';

/** Reads of letters between two resets above which an outbox is reading in circles. */
const MOST_READS = 20_000;

export interface DurableEvent {
  readonly stream: string;
  readonly revision: number;
  readonly type: string;
  readonly data: Uint8Array;
}

interface Held {
  readonly retention: RetentionClass;
  readonly run: () => void;
  readonly refuse: (error: LogError) => void;
}

/**
 * A disk with a log on it that outlives the servers which use it. It can make writes wait, refuse them and lose, in a
 * crash, what was not flushed. It remembers everything that ever became durable, in order: the truth of a test.
 */
export class SimulatedDisk {
  readonly history: DurableEvent[] = [];
  readonly #log: MemoryLog;
  #waits: RetentionClass | 'none' | 'all' = 'none';
  #refuses: RetentionClass | 'none' = 'none';
  #held: Held[] = [];
  #reads = 0;
  #lifetime = 0;

  constructor(clock: Scheduler) {
    this.#log = new MemoryLog(clock);
  }

  get calm(): boolean {
    return this.#waits === 'none' && this.#log.failing === undefined;
  }

  /** The log for one lifetime of a server; after `crash` it answers nothing any more. */
  open(): EventLog {
    this.#lifetime += 1;
    return new LogOfOneLifetime(this, this.#log, this.#lifetime);
  }

  /** Writes wait from now on: of one retention class, or all. */
  hold(what: RetentionClass | 'all'): void {
    this.#waits = what;
  }

  /** Lets go what waits; with `refusing`, what waits is refused and later writes succeed. */
  release(refusing = false): void {
    this.#waits = 'none';
    const held = this.#held;
    this.#held = [];
    for (const { run, refuse } of held) {
      if (refusing) {
        refuse(refusal());
      } else {
        run();
      }
    }
  }

  /** Every write is refused until `heal`: all, or those of one retention class. */
  fail(what: RetentionClass | 'all' = 'all'): void {
    if (what === 'all') {
      this.#log.failing = refusal();
    } else {
      this.#refuses = what;
    }
  }

  heal(): void {
    this.#log.failing = undefined;
    this.#refuses = 'none';
  }

  /** The process dies: what is not durable is gone. */
  crash(): void {
    this.#lifetime += 1;
    this.#held = [];
    this.#waits = 'none';
    this.#log.crash();
  }

  isAlive(lifetime: number): boolean {
    return this.#lifetime === lifetime;
  }

  /** @throws Error when letters are read over and over without the test doing anything. */
  countRead(): void {
    this.#reads += 1;
    if (this.#reads > MOST_READS) throw new Error('an outbox reads in circles');
  }

  resetReads(): void {
    this.#reads = 0;
  }

  append(appends: readonly StreamAppend[], lifetime: number): Promise<readonly Appended[]> {
    const retention = retentionOf(appends[0]?.stream ?? '');
    if (this.#refuses === retention) return Promise.reject(refusal());
    const waits = this.#waits === 'all' || this.#waits === retention;
    if (!waits) return this.#write(appends, lifetime);
    // The log copies when `append` returns, and so must what stands in for it.
    const copies = appends.map((append) => ({
      ...append,
      events: append.events.map(({ type, data }) => ({ type, data: Uint8Array.from(data) })),
    }));
    return new Promise((resolve, reject) => {
      this.#held.push({
        retention,
        run: () => this.#write(copies, lifetime).then(resolve, reject),
        refuse: reject,
      });
    });
  }

  async #write(appends: readonly StreamAppend[], lifetime: number): Promise<readonly Appended[]> {
    const appended = await this.#log.append(appends).catch((error: unknown) => {
      // Nobody is left to hear of it.
      return this.isAlive(lifetime) ? Promise.reject(error) : never<readonly Appended[]>();
    });
    for (const [index, { stream, events }] of appends.entries()) {
      const last = appended[index]?.revision ?? 0;
      for (const [offset, { type, data }] of events.entries()) {
        const revision = last - events.length + 1 + offset;
        this.history.push({ stream, revision, type, data: Uint8Array.from(data) });
      }
    }
    return this.isAlive(lifetime) ? appended : never<readonly Appended[]>();
  }
}

function refusal(): LogError {
  return new LogError('LOG_UNAVAILABLE', 'simulated full disk', { retryable: true });
}

function never<Value>(): Promise<Value> {
  return new Promise(() => undefined);
}

class LogOfOneLifetime implements EventLog {
  readonly #disk: SimulatedDisk;
  readonly #log: MemoryLog;
  readonly #lifetime: number;

  constructor(disk: SimulatedDisk, log: MemoryLog, lifetime: number) {
    this.#disk = disk;
    this.#log = log;
    this.#lifetime = lifetime;
  }

  get headPosition(): number {
    return this.#log.headPosition;
  }

  get appendLimit(): number {
    return this.#log.appendLimit;
  }

  get healthy(): boolean {
    return this.#log.healthy;
  }

  get epoch(): string {
    return this.#log.epoch;
  }

  append(appends: readonly StreamAppend[]): Promise<readonly Appended[]> {
    return this.#disk.isAlive(this.#lifetime) ? this.#disk.append(appends, this.#lifetime) : never();
  }

  readStream(stream: string, options?: ReadStreamOptions): AsyncIterable<RecordedEvent> {
    return this.#log.readStream(stream, options);
  }

  async readEvents(refs: readonly EventRef[]): Promise<readonly (RecordedEvent | undefined)[]> {
    this.#disk.countRead();
    return this.#disk.isAlive(this.#lifetime) ? this.#log.readEvents(refs) : never();
  }

  readAll(options?: ReadAllOptions): AsyncIterable<RecordedEvent> {
    return this.#log.readAll(options);
  }

  subscribeAll(subscriber: Subscriber, options?: ReadAllOptions): Subscription {
    return this.#log.subscribeAll(subscriber, options);
  }

  truncate(stream: string, beforeRevision: number): Promise<void> {
    return this.#disk.isAlive(this.#lifetime) ? this.#log.truncate(stream, beforeRevision) : never();
  }

  streamState(stream: string): Promise<StreamState> {
    return this.#log.streamState(stream);
  }

  setStreamMetadata(stream: string, metadata: StreamMetadata): Promise<void> {
    return this.#disk.isAlive(this.#lifetime) ? this.#log.setStreamMetadata(stream, metadata) : never();
  }

  /** The disk stays. */
  async [Symbol.asyncDispose](): Promise<void> {}
}
