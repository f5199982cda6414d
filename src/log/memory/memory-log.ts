import type { Clock } from '../../ports/ports.ts';
import { checkExpectedRevision, eventCost } from '../append-check.ts';
import { retentionOfAppend } from '../engine/append-retention.ts';
import { limitsOf, replacedMetadata } from '../engine/stream-limits.ts';
import { categoryFilter, follow } from '../engine/subscription.ts';
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
} from '../event-log.ts';
import { LogError } from '../log-error.ts';

/** As in segment files of the usual size. */
const APPEND_LIMIT = 64 * 1024 * 1024;

interface MemoryStream {
  readonly name: StreamName;
  /** Also of what is not flushed yet. */
  accepted: number;
  durable: number;
  metadata: StreamMetadata | undefined;
  readonly events: Map<number, RecordedEvent>;
}

interface Waiting {
  readonly events: readonly RecordedEvent[];
  readonly appended: readonly Appended[];
  readonly resolve: (appended: readonly Appended[]) => void;
  readonly reject: (error: unknown) => void;
}

export interface MemoryLogOptions {
  /** Of `eventCost` bytes. @default 64 MiB */
  readonly appendLimit?: number;
  /** Nothing is flushed before `flush()` is called. @default false */
  readonly manualFlush?: boolean;
  /** 32 hex digits. @default all of them 0 */
  readonly epoch?: string;
}

/**
 * The log in memory, for tests and simulation. What is not flushed can be lost (`crash`), and the disk can refuse
 * (`failing`), so that a test sees everything that a real disk does.
 */
export class MemoryLog implements EventLog {
  /** While set, each flush is refused with this. Settable by tests. */
  failing: LogError | undefined;
  readonly appendLimit: number;
  /** Settable by tests: what opening a restored log does. */
  epoch: string;
  readonly #clock: Clock;
  readonly #manual: boolean;
  readonly #streams = new Map<string, MemoryStream>();
  readonly #order: RecordedEvent[] = [];
  readonly #listeners = new Set<() => void>();
  #waiting: Waiting[] = [];
  #position = 0;
  #head = 0;
  #scheduled = false;
  #healthy = true;
  #closed = false;

  constructor(clock: Clock, options: MemoryLogOptions = {}) {
    this.#clock = clock;
    this.#manual = options.manualFlush ?? false;
    this.appendLimit = options.appendLimit ?? APPEND_LIMIT;
    this.epoch = options.epoch ?? '0'.repeat(32);
  }

  get headPosition(): number {
    return this.#head;
  }

  get healthy(): boolean {
    return this.#healthy;
  }

  append(appends: readonly StreamAppend[]): Promise<readonly Appended[]> {
    try {
      this.#requireOpen();
      retentionOfAppend(appends);
      this.#checkSize(appends);
      this.#checkRevisions(appends);
    } catch (error) {
      return Promise.reject(error);
    }
    const events: RecordedEvent[] = [];
    const appended: Appended[] = [];
    for (const append of appends) {
      const stream = this.#stream(append.stream);
      for (const event of append.events) {
        this.#position += 1;
        stream.accepted += 1;
        const data = Uint8Array.from(event.data);
        events.push({
          position: this.#position,
          stream: stream.name,
          revision: stream.accepted,
          type: event.type,
          recordedAt: this.#clock.now(),
          data,
        });
      }
      appended.push({ position: this.#position, revision: stream.accepted });
    }
    this.#schedule();
    return new Promise((resolve, reject) => this.#waiting.push({ events, appended, resolve, reject }));
  }

  /** Makes durable what was appended so far, or refuses it when `failing` is set. */
  flush(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    if (this.failing !== undefined) {
      this.#healthy = false;
      this.#drop(waiting, this.failing);
      return;
    }
    this.#healthy = true;
    for (const { events } of waiting) {
      for (const event of events) {
        const stream = this.#stream(event.stream);
        stream.durable = event.revision;
        stream.events.set(event.revision, event);
        this.#order.push(event);
        this.#head = event.position;
      }
    }
    for (const { appended, resolve } of waiting) resolve(appended);
    for (const listener of this.#listeners) listener();
  }

  /** What a crash does: everything that was not flushed is gone, and its appends are refused. */
  crash(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#drop(waiting, new LogError('LOG_CLOSED', 'the log crashed'));
  }

  async *readStream(name: StreamName, options: ReadStreamOptions = {}): AsyncIterable<RecordedEvent> {
    const stream = this.#streams.get(name);
    if (stream === undefined) return;
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    const from = Math.max(options.fromRevision ?? 0, this.#firstLive(stream));
    for (let revision = from; revision <= stream.durable && left > 0; revision++) {
      const event = this.#live(stream, revision);
      if (event === undefined) continue;
      left -= 1;
      yield event;
    }
  }

  async readEvents(refs: readonly EventRef[]): Promise<readonly (RecordedEvent | undefined)[]> {
    return refs.map((ref) => {
      const stream = this.#streams.get(ref.stream);
      return stream === undefined ? undefined : this.#live(stream, ref.revision);
    });
  }

  async *readAll(options: ReadAllOptions = {}): AsyncIterable<RecordedEvent> {
    const wanted = categoryFilter(options.categories);
    const head = this.#head;
    const after = options.after ?? 0;
    for (let i = this.#indexAfter(after); i < this.#order.length; i++) {
      const event = this.#order[i];
      if (event === undefined || event.position > head) return;
      if (!wanted(event.stream)) continue;
      if (this.#live(this.#stream(event.stream), event.revision) !== undefined) yield event;
    }
  }

  subscribeAll(subscriber: Subscriber, options: ReadAllOptions = {}): Subscription {
    return follow(subscriber, options, {
      headPosition: () => this.#head,
      readAll: (from) => this.readAll(from),
      onDurable: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
    });
  }

  async truncate(name: StreamName, beforeRevision: number): Promise<void> {
    const old = this.#stream(name).metadata;
    await this.setStreamMetadata(name, { ...old, truncateBefore: beforeRevision });
  }

  async streamState(name: StreamName): Promise<StreamState> {
    const stream = this.#streams.get(name);
    return { lastRevision: stream?.durable ?? -1, ...stream?.metadata };
  }

  async setStreamMetadata(name: StreamName, metadata: StreamMetadata): Promise<void> {
    this.#requireOpen();
    const stream = this.#stream(name);
    stream.metadata = replacedMetadata(stream.metadata, metadata);
    for (const revision of stream.events.keys()) {
      if (revision >= this.#firstLive(stream)) break;
      stream.events.delete(revision);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
  }

  #checkSize(appends: readonly StreamAppend[]): void {
    let bytes = 0;
    for (const { stream, events } of appends) {
      for (const { type, data } of events) bytes += eventCost(stream, type, data.length);
    }
    if (bytes > this.appendLimit) {
      throw new LogError('LOG_INVALID', `an append has at most ${this.appendLimit} bytes`);
    }
  }

  #checkRevisions(appends: readonly StreamAppend[]): void {
    const accepted = new Map<string, number>();
    for (const { stream, expected, events } of appends) {
      const last = accepted.get(stream) ?? this.#streams.get(stream)?.accepted ?? -1;
      checkExpectedRevision(stream, expected, last);
      accepted.set(stream, last + events.length);
    }
  }

  #stream(name: StreamName): MemoryStream {
    let stream = this.#streams.get(name);
    if (stream === undefined) {
      stream = { name, accepted: -1, durable: -1, metadata: undefined, events: new Map() };
      this.#streams.set(name, stream);
    }
    return stream;
  }

  #firstLive(stream: MemoryStream): number {
    const { maxCount } = limitsOf(stream.name, stream.metadata);
    return Math.max(0, stream.metadata?.truncateBefore ?? 0, stream.durable + 1 - maxCount);
  }

  #live(stream: MemoryStream, revision: number): RecordedEvent | undefined {
    if (revision < this.#firstLive(stream)) return undefined;
    const event = stream.events.get(revision);
    if (event === undefined) return undefined;
    const { maxAgeMs } = limitsOf(stream.name, stream.metadata);
    return event.recordedAt + maxAgeMs <= this.#clock.now() ? undefined : event;
  }

  /** Index of the first event with a position above this one. */
  #indexAfter(position: number): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#order[middle]?.position ?? 0) <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #drop(waiting: readonly Waiting[], error: LogError): void {
    for (const { events, reject } of waiting) {
      for (const event of events) {
        const stream = this.#stream(event.stream);
        stream.accepted = stream.durable;
      }
      reject(error);
    }
  }

  #schedule(): void {
    if (this.#manual || this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.soon(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  #requireOpen(): void {
    if (this.#closed) throw new LogError('LOG_CLOSED', 'the log is closed');
  }
}
