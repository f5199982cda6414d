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

/** Each family of the log is written by itself, in its order; reads are a lane of their own. */
export type Lane = RetentionClass | 'reads';

const LANES: readonly Lane[] = ['facts', 'journal', 'mail', 'reads'];

interface Task {
  readonly run: () => void;
  readonly refuse: (error: LogError) => void;
}

/** What an append may hold: a segment of the real log, made small so that a run reaches it. */
const MOST_APPENDED = 65_536;

/**
 * A disk that does one thing at a time, when it is told to: the order in which the families of the log become durable
 * is the run's choice. It outlives the servers that use it.
 */
export class ScheduledDisk {
  readonly memory: MemoryLog;
  /** Appends that were refused so far. */
  refusals = 0;
  readonly #lanes: Readonly<Record<Lane, Task[]>> = { facts: [], journal: [], mail: [], reads: [] };
  readonly #failing = new Set<Lane>();
  #lifetime = 0;

  constructor(clock: Scheduler) {
    this.memory = new MemoryLog(clock);
  }

  /** The log for one lifetime of a server; after `crash` it answers nothing any more. */
  open(): EventLog {
    this.#lifetime += 1;
    return new LogOfOneLifetime(this, this.#lifetime);
  }

  isAlive(lifetime: number): boolean {
    return this.#lifetime === lifetime;
  }

  get isFailing(): boolean {
    return this.#failing.size > 0;
  }

  /** Lanes in which something waits. */
  get busy(): readonly Lane[] {
    return LANES.filter((lane) => this.#lanes[lane].length > 0);
  }

  /** Does the first thing that waits in a lane. */
  step(lane: Lane): void {
    if (this.#failing.has(lane)) this.refuse(lane);
    else this.#lanes[lane].shift()?.run();
  }

  /** A write fails: it and everything that was collected on top of it is refused, as the real log does. */
  refuse(lane: Lane): void {
    const tasks = this.#lanes[lane].splice(0);
    if (tasks.length > 0) this.refusals += 1;
    const error = new LogError('LOG_UNAVAILABLE', 'the simulated disk refuses', { retryable: true });
    for (const { refuse } of tasks) refuse(error);
  }

  /** From now on a lane refuses everything. */
  fail(lane: Lane): void {
    this.#failing.add(lane);
  }

  heal(): void {
    this.#failing.clear();
  }

  /** The process dies: what waits is gone, and nobody hears of it. */
  crash(): void {
    this.#lifetime += 1;
    for (const lane of LANES) this.#lanes[lane].length = 0;
    this.memory.crash();
  }

  enqueue<Result>(lane: Lane, work: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#lanes[lane].push({ run: () => void work().then(resolve, reject), refuse: reject });
    });
  }
}

class LogOfOneLifetime implements EventLog {
  readonly #disk: ScheduledDisk;
  readonly #lifetime: number;

  constructor(disk: ScheduledDisk, lifetime: number) {
    this.#disk = disk;
    this.#lifetime = lifetime;
  }

  get #alive(): boolean {
    return this.#disk.isAlive(this.#lifetime);
  }

  get epoch(): string {
    return this.#disk.memory.epoch;
  }

  get appendLimit(): number {
    return MOST_APPENDED;
  }

  get headPosition(): number {
    return this.#disk.memory.headPosition;
  }

  get healthy(): boolean {
    return !this.#disk.isFailing;
  }

  append(appends: readonly StreamAppend[]): Promise<readonly Appended[]> {
    if (!this.#alive) return never();
    let bytes = 0;
    // The log copies when `append` returns, and so must what stands in for it.
    const copies = appends.map((append) => ({
      ...append,
      events: append.events.map(({ type, data }) => {
        bytes += data.length;
        return { type, data: Uint8Array.from(data) };
      }),
    }));
    if (bytes > MOST_APPENDED) {
      const words = `an append of ${bytes} bytes does not fit into a segment`;
      return Promise.reject(new LogError('LOG_INVALID', words));
    }
    const lane = retentionOf(appends[0]?.stream ?? '');
    return this.#unlessDead(this.#disk.enqueue(lane, () => this.#disk.memory.append(copies)));
  }

  async *readStream(stream: string, options?: ReadStreamOptions): AsyncIterable<RecordedEvent> {
    await this.#unlessDead(this.#disk.enqueue('reads', async () => undefined));
    yield* this.#disk.memory.readStream(stream, options);
  }

  readEvents(refs: readonly EventRef[]): Promise<readonly (RecordedEvent | undefined)[]> {
    if (!this.#alive) return never();
    return this.#unlessDead(this.#disk.enqueue('reads', () => this.#disk.memory.readEvents(refs)));
  }

  readAll(options?: ReadAllOptions): AsyncIterable<RecordedEvent> {
    return this.#disk.memory.readAll(options);
  }

  subscribeAll(subscriber: Subscriber, options?: ReadAllOptions): Subscription {
    return this.#disk.memory.subscribeAll(subscriber, options);
  }

  truncate(stream: string, beforeRevision: number): Promise<void> {
    return this.#alive ? this.#disk.memory.truncate(stream, beforeRevision) : never();
  }

  streamState(stream: string): Promise<StreamState> {
    return this.#disk.memory.streamState(stream);
  }

  setStreamMetadata(stream: string, metadata: StreamMetadata): Promise<void> {
    return this.#alive ? this.#disk.memory.setStreamMetadata(stream, metadata) : never();
  }

  /** The disk stays. */
  async [Symbol.asyncDispose](): Promise<void> {}

  #unlessDead<Result>(pending: Promise<Result>): Promise<Result> {
    return pending.then(
      (result) => (this.#alive ? result : never<Result>()),
      (error: unknown) => (this.#alive ? Promise.reject(error) : never<Result>()),
    );
  }
}

function never<Value>(): Promise<Value> {
  return new Promise(() => undefined);
}
