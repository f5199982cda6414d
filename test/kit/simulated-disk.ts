import { retentionOf } from '../../src/events/retention.ts';
import type {
  Appended,
  EventLog,
  EventRef,
  ReadAllOptions,
  ReadStreamOptions,
  RecordedEvent,
  StreamAppend,
  StreamMetadata,
  StreamName,
  StreamState,
  Subscriber,
  Subscription,
} from '../../src/log/event-log.ts';
import { LogError } from '../../src/log/log-error.ts';
import { MemoryLog } from '../../src/log/memory/memory-log.ts';
import { RETENTION_CLASSES, type RetentionClass } from '../../src/log/retention.ts';
import type { Clock } from '../../src/ports/ports.ts';

/** Reads of letters between two resets above which an outbox is reading in circles. */
const MOST_READS = 20_000;

/** Each family of the log is written by itself, in its order; reads are a lane of their own. */
export type Lane = RetentionClass | 'reads';

const LANES: readonly Lane[] = [...RETENTION_CLASSES, 'reads'];

/** An event as it became durable, whatever is truncated later. */
export interface DurableEvent {
  readonly position: number;
  readonly stream: StreamName;
  readonly revision: number;
  readonly type: string;
  readonly data: Uint8Array;
}

interface Task {
  readonly lane: Lane;
  readonly run: () => Promise<void>;
  readonly refuse: (error: LogError) => void;
}

export interface SimulatedDiskOptions {
  /** Everything waits for `step`: the order in which lanes go on is the test's choice. @default false */
  readonly stepwise?: boolean;
  /** Bytes that an append may hold: a segment of the real log, made small so that a run reaches it. @default 64 MiB */
  readonly appendLimit?: number;
}

/**
 * A disk with a log on it that outlives the servers which use it. It can make writes wait, refuse them and lose, in a
 * crash, what was not flushed. It remembers everything that ever became durable, in order: the truth of a test.
 */
export class SimulatedDisk {
  readonly history: DurableEvent[] = [];
  readonly memory: MemoryLog;
  /** Times at which appends were refused. */
  refusals = 0;
  readonly #stepwise: boolean;
  readonly #held = new Set<Lane>();
  readonly #failing = new Set<Lane>();
  /** The newest work of a lane, until it has ended. */
  readonly #last = new Map<Lane, Promise<void>>();
  /** Lanes with a refusal that has not been told yet. */
  readonly #doomed = new Set<Lane>();
  #tasks: Task[] = [];
  #reads = 0;
  #lifetime = 0;

  constructor(clock: Clock, { stepwise = false, appendLimit }: SimulatedDiskOptions = {}) {
    this.memory = new MemoryLog(clock, appendLimit === undefined ? {} : { appendLimit });
    this.#stepwise = stepwise;
  }

  /** The log for one lifetime of a server; after `crash` it answers nothing any more. */
  open(): EventLog {
    this.#lifetime += 1;
    const lifetime = this.#lifetime;
    return new LogOfOneLifetime(this, () => this.#lifetime === lifetime);
  }

  get isFailing(): boolean {
    return this.#failing.size > 0;
  }

  /** True while nothing waits for the test and nothing is refused. */
  get calm(): boolean {
    return !this.#stepwise && this.#held.size === 0 && !this.isFailing;
  }

  /** Writes wait from now on: of one retention class, or all. */
  hold(what: RetentionClass | 'all'): void {
    for (const lane of lanesOf(what)) this.#held.add(lane);
  }

  /** Lets go what waits; with `refusing`, what waits is refused and later writes succeed. */
  release(refusing = false): void {
    this.#held.clear();
    const tasks = this.#tasks;
    this.#tasks = [];
    for (const task of tasks) {
      if (refusing) task.refuse(refusal());
      else this.#do(task);
    }
  }

  /** Lanes in which something waits. */
  get busy(): readonly Lane[] {
    return LANES.filter((lane) => this.#tasks.some((task) => task.lane === lane));
  }

  /** Does the first thing that waits in a lane; on a failing one, everything is refused. */
  step(lane: Lane): void {
    const at = this.#tasks.findIndex((task) => task.lane === lane);
    if (this.#failing.has(lane)) this.refuse(lane);
    else if (at >= 0) void this.#tasks.splice(at, 1)[0]?.run();
  }

  /** A write fails: it and everything that was collected on top of it is refused, as the real log does. */
  refuse(lane: Lane): void {
    const tasks = this.#tasks.filter((task) => task.lane === lane);
    this.#tasks = this.#tasks.filter((task) => task.lane !== lane);
    if (tasks.length > 0) this.refusals += 1;
    for (const { refuse } of tasks) refuse(refusal());
  }

  /** Every write is refused until `heal`: all, or those of one lane. */
  fail(what: Lane | 'all' = 'all'): void {
    for (const lane of lanesOf(what)) this.#failing.add(lane);
  }

  heal(): void {
    this.#failing.clear();
  }

  /** The process dies: what is not durable is gone, and nobody hears of it. */
  crash(): void {
    this.#lifetime += 1;
    this.#tasks = [];
    this.#held.clear();
    this.#last.clear();
    this.#doomed.clear();
    this.memory.crash();
  }

  /** @throws Error when letters are read over and over without the test doing anything. */
  countRead(): void {
    this.#reads += 1;
    if (this.#reads > MOST_READS) throw new Error('an outbox reads in circles');
  }

  resetReads(): void {
    this.#reads = 0;
  }

  /** Does the work when its lane's turn has come. */
  enqueue<Result>(lane: Lane, work: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const task = { lane, run: () => work().then(resolve, reject), refuse: reject };
      if (this.#stepwise || this.#held.has(lane)) this.#tasks.push(task);
      else this.#do(task);
    });
  }

  async write(appends: readonly StreamAppend[]): Promise<readonly Appended[]> {
    const appended = await this.memory.append(appends);
    for (const [index, { stream, events }] of appends.entries()) {
      const last = appended[index];
      if (last === undefined) throw new Error('an append without its place');
      for (const [offset, { type, data }] of events.entries()) {
        const behind = events.length - 1 - offset;
        const [position, revision] = [last.position - behind, last.revision - behind];
        this.history.push({ position, stream, revision, type, data });
      }
    }
    return appended;
  }

  #end(lane: Lane, work: Promise<void>): void {
    this.#last.set(lane, work);
    void work.then(() => {
      if (this.#last.get(lane) !== work) return;
      this.#last.delete(lane);
      this.#doomed.delete(lane);
    });
  }

  #do({ lane, run, refuse }: Task): void {
    const before = this.#last.get(lane);
    if (this.#failing.has(lane) || this.#doomed.has(lane)) {
      // No refusal overtakes the write before it, and what comes before it is told is refused with it.
      this.refusals += 1;
      this.#doomed.add(lane);
      this.#end(
        lane,
        Promise.resolve(before).then(() => refuse(refusal())),
      );
    } else {
      this.#end(lane, run());
    }
  }
}

function lanesOf(what: Lane | 'all'): readonly Lane[] {
  return what === 'all' ? RETENTION_CLASSES : [what];
}

function refusal(): LogError {
  return new LogError('LOG_UNAVAILABLE', 'simulated full disk', { retryable: true });
}

function never<Value>(): Promise<Value> {
  return new Promise(() => undefined);
}

class LogOfOneLifetime implements EventLog {
  readonly #disk: SimulatedDisk;
  readonly #isAlive: () => boolean;

  constructor(disk: SimulatedDisk, isAlive: () => boolean) {
    this.#disk = disk;
    this.#isAlive = isAlive;
  }

  get headPosition(): number {
    return this.#disk.memory.headPosition;
  }

  get appendLimit(): number {
    return this.#disk.memory.appendLimit;
  }

  get healthy(): boolean {
    return !this.#disk.isFailing;
  }

  get epoch(): string {
    return this.#disk.memory.epoch;
  }

  append(appends: readonly StreamAppend[]): Promise<readonly Appended[]> {
    // The log copies when `append` returns, and so must what stands in for it.
    const copies = appends.map((append) => ({
      ...append,
      events: append.events.map(({ type, data }) => ({ type, data: Uint8Array.from(data) })),
    }));
    const lane = retentionOf(appends[0]?.stream ?? '');
    return this.#whileAlive(() => this.#disk.enqueue(lane, () => this.#disk.write(copies)));
  }

  async *readStream(stream: StreamName, options?: ReadStreamOptions): AsyncIterable<RecordedEvent> {
    await this.#whileAlive(() => this.#disk.enqueue('reads', async () => undefined));
    yield* this.#disk.memory.readStream(stream, options);
  }

  readEvents(refs: readonly EventRef[]): Promise<readonly (RecordedEvent | undefined)[]> {
    this.#disk.countRead();
    return this.#whileAlive(() => this.#disk.enqueue('reads', () => this.#disk.memory.readEvents(refs)));
  }

  readAll(options?: ReadAllOptions): AsyncIterable<RecordedEvent> {
    return this.#disk.memory.readAll(options);
  }

  subscribeAll(subscriber: Subscriber, options?: ReadAllOptions): Subscription {
    return this.#disk.memory.subscribeAll(subscriber, options);
  }

  truncate(stream: StreamName, beforeRevision: number): Promise<void> {
    return this.#isAlive() ? this.#disk.memory.truncate(stream, beforeRevision) : never();
  }

  streamState(stream: StreamName): Promise<StreamState> {
    return this.#disk.memory.streamState(stream);
  }

  setStreamMetadata(stream: StreamName, metadata: StreamMetadata): Promise<void> {
    return this.#isAlive() ? this.#disk.memory.setStreamMetadata(stream, metadata) : never();
  }

  /** The disk stays. */
  async [Symbol.asyncDispose](): Promise<void> {}

  /** What the process hears of while it lives; afterwards there is nobody to hear anything. */
  #whileAlive<Result>(work: () => Promise<Result>): Promise<Result> {
    if (!this.#isAlive()) return never();
    return work().then(
      (result) => (this.#isAlive() ? result : never<Result>()),
      (error: unknown) => (this.#isAlive() ? Promise.reject(error) : never<Result>()),
    );
  }
}
