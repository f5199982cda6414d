import { retentionOf } from '../../events/retention.ts';
import type { Clock } from '../../ports/ports.ts';
import { retentionOfAppend } from '../engine/append-retention.ts';
import { replacedMetadata } from '../engine/stream-limits.ts';
import { follow } from '../engine/subscription.ts';
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
import type { LogLogger } from '../log-logger.ts';
import type { LogObserver } from '../log-observer.ts';
import type { RetentionClass } from '../retention.ts';
import type { Batch } from './families/batch.ts';
import type { Family, Positions } from './families/family.ts';
import type { IndexWriter } from './families/index-writer.ts';
import { RecentBatches } from './families/recent-batches.ts';
import type { Manifest } from './files/manifest.ts';
import type { TornTail } from './files/recovery.ts';
import { encodeMetadata, metadataStream } from './index/metadata-stream.ts';
import { LogReader } from './log-reader.ts';
import type { IsRetired } from './upkeep/facts-keeper.ts';
import type { History } from './upkeep/history.ts';
import type { HistoryKeeper } from './upkeep/history-keeper.ts';
import type { Retention } from './upkeep/retention-keeper.ts';

export interface SegmentLogParts {
  readonly clock: Clock;
  readonly logger: LogLogger;
  readonly observer: LogObserver | undefined;
  readonly families: Readonly<Record<RetentionClass, Family>>;
  readonly positions: Positions;
  readonly metadata: Map<string, StreamMetadata>;
  readonly manifest: Manifest;
  readonly indexWriter: IndexWriter;
  readonly retention: Retention;
  readonly tornTails: readonly TornTail[];
  readonly history: History;
  readonly historyKeeper: HistoryKeeper;
  readonly losses: readonly string[];
  readonly newestAt: number | undefined;
  /** Gives back the lock and whatever else was opened. */
  readonly release: () => Promise<void>;
}

/** The log in our own files. Opened by `openSegmentLog`. */
export class SegmentLog implements EventLog {
  /** What was cut off when the log was opened: batches that nobody was told of. */
  readonly tornTails: readonly TornTail[];
  /** What is missing and was accepted as lost when the log was opened. */
  readonly losses: readonly string[];
  /** The history that these files belong to, and why it began. */
  readonly history: History;
  /** When the newest event was recorded that the log had when it was opened; milliseconds, undefined: it was empty. */
  readonly newestAt: number | undefined;
  readonly #parts: SegmentLogParts;
  readonly #families: readonly Family[];
  readonly #reader: LogReader;
  readonly #recent = new RecentBatches();
  readonly #listeners = new Set<() => void>();
  #head: number;
  #scheduled = false;
  #flushing: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: SegmentLogParts) {
    this.#parts = parts;
    this.tornTails = parts.tornTails;
    this.history = parts.history;
    this.losses = parts.losses;
    this.newestAt = parts.newestAt;
    this.#families = Object.values(parts.families);
    this.#head = parts.positions.accepted;
    this.#reader = new LogReader({
      families: parts.families,
      manifest: parts.manifest,
      now: () => parts.clock.now(),
      headPosition: () => this.#head,
    });
    parts.retention.start(
      (entry) => this.#appendHead(entry),
      () => parts.indexWriter.run(),
      parts.newestAt,
    );
  }

  get headPosition(): number {
    return this.#head;
  }

  get appendLimit(): number {
    return this.#parts.families.mail.appendLimit;
  }

  get epoch(): string {
    return this.history.epoch;
  }

  get healthy(): boolean {
    return this.#families.every((family) => family.healthy);
  }

  append(appends: readonly StreamAppend[]): Promise<readonly Appended[]> {
    try {
      this.#requireOpen();
      return this.#accept(retentionOfAppend(appends), appends);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  readStream(stream: StreamName, options: ReadStreamOptions = {}): AsyncIterable<RecordedEvent> {
    return this.#reader.readStream(stream, options);
  }

  readEvents(refs: readonly EventRef[]): Promise<readonly (RecordedEvent | undefined)[]> {
    return this.#reader.readEvents(refs);
  }

  readAll(options: ReadAllOptions = {}): AsyncIterable<RecordedEvent> {
    return this.#reader.readAll(options);
  }

  subscribeAll(subscriber: Subscriber, options: ReadAllOptions = {}): Subscription {
    const isLive = (stream: string, revision: number, recordedAt: number): boolean =>
      this.#parts.families[retentionOf(stream)].isLive(stream, revision, recordedAt, this.#parts.clock.now());
    return follow(subscriber, options, {
      headPosition: () => this.#head,
      readAll: (from) => this.readAll(from),
      recent: (after) => this.#recent.take(after, isLive),
      onDurable: (listener) => {
        this.#listeners.add(listener);
        return () => {
          this.#listeners.delete(listener);
          if (this.#listeners.size === 0) this.#recent.clear();
        };
      },
    });
  }

  /** Mail is truncated in memory only: who delivers it computes after a restart again what is done. */
  async truncate(stream: StreamName, beforeRevision: number): Promise<void> {
    const entry = this.#stream(stream);
    if (beforeRevision <= entry.truncateBefore) return;
    if (retentionOf(stream) !== 'mail') {
      const old = this.#parts.metadata.get(stream);
      await this.setStreamMetadata(stream, { ...old, truncateBefore: beforeRevision });
      return;
    }
    this.#requireOpen();
    entry.truncateBefore = beforeRevision;
    this.#parts.families.mail.truncateTo(entry, beforeRevision);
    this.#parts.retention.changed();
  }

  async streamState(stream: StreamName): Promise<StreamState> {
    const entry = this.#stream(stream);
    const { truncateBefore } = entry;
    return {
      ...this.#parts.metadata.get(stream),
      lastRevision: entry.durable,
      ...(truncateBefore > 0 ? { truncateBefore } : {}),
    };
  }

  async setStreamMetadata(stream: StreamName, metadata: StreamMetadata): Promise<void> {
    this.#requireOpen();
    const next = replacedMetadata(this.#parts.metadata.get(stream), metadata);
    const events = [encodeMetadata(next)];
    await this.#accept('facts', [{ stream: metadataStream(stream), expected: 'any', events }]);
    this.#parts.metadata.set(stream, next);
    const family = this.#parts.families[retentionOf(stream)];
    family.applyMetadata(family.stream(stream), next);
    this.#parts.retention.changed();
  }

  /** Tells which streams are over: the space of their facts is given back some time, and mail forgets how far they went. */
  retire(isRetired: IsRetired): void {
    this.#parts.retention.retire(isRetired);
  }

  /** Gives space back now: drops and compacts what can be. Happens by itself in the background. */
  async maintain(): Promise<void> {
    await this.#parts.retention.run(true);
  }

  /** Flushes what was accepted, then closes. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { retention, indexWriter, release } = this.#parts;
    await retention.stop();
    while (this.#flushing !== undefined || this.#families.some((family) => family.hasQueued)) {
      await (this.#flushing ?? this.#startFlush());
    }
    await this.#closeHistory();
    for (const family of this.#families) await family.writer?.close();
    await indexWriter.close();
    for (const family of this.#families) {
      for (const segment of family.segments) await segment.release();
    }
    await release();
  }

  /** On a full disk the marks stay behind what is durable, which is safe. */
  async #closeHistory(): Promise<void> {
    try {
      await this.#parts.historyKeeper.close();
    } catch (error) {
      this.#parts.logger.warn({ error }, 'cannot note how far the log goes');
    }
  }

  #accept(retention: RetentionClass, appends: readonly StreamAppend[]): Promise<readonly Appended[]> {
    const { batch, appended } = this.#parts.families[retention].accept(appends);
    return this.#wait(batch, appended);
  }

  async #appendHead(entry: Parameters<Family['acceptHead']>[0]): Promise<void> {
    await this.#wait(this.#parts.families.mail.acceptHead(entry), []);
  }

  #wait(batch: Batch, appended: readonly Appended[]): Promise<readonly Appended[]> {
    this.#schedule();
    return new Promise((resolve, reject) => batch.waiters.push({ appended, resolve, reject }));
  }

  #schedule(): void {
    if (this.#scheduled || this.#flushing !== undefined) return;
    this.#scheduled = true;
    // Behind the caller, not behind its turn: whoever has collected a turn's work has waited long enough, and what others
    // append a little later finds the flush under way and shares the next one.
    queueMicrotask(() => {
      this.#scheduled = false;
      if (this.#flushing === undefined) void this.#startFlush();
    });
  }

  #startFlush(): Promise<void> {
    this.#flushing = this.#flush().finally(() => {
      this.#flushing = undefined;
      if (this.#families.some((family) => family.hasQueued)) this.#schedule();
    });
    return this.#flushing;
  }

  /** One cycle: what all families have collected becomes durable, or is refused family by family. */
  async #flush(): Promise<void> {
    const { clock, observer } = this.#parts;
    const started = clock.monotonic();
    const written = await Promise.all(this.#families.map((family) => this.#flushFamily(family)));
    // Positions that were refused stay unused.
    const upTo = Math.max(0, ...written.flatMap((batches) => batches.map((batch) => batch.lastPosition)));
    if (upTo === 0) return;
    if (observer !== undefined) {
      const records = written.flat().reduce((sum, batch) => sum + batch.records, 0);
      observer.flushed(records, (clock.monotonic() - started) / 1000);
    }
    if (this.#listeners.size > 0) {
      const copies = written.flatMap((batches) => batches.map((batch) => batch.copy()));
      this.#recent.add(this.#head, upTo, copies);
    }
    this.#head = upTo;
    // Only now: whoever was told that an event is durable finds it in `readAll`.
    for (const [i, batches] of written.entries()) {
      for (const batch of batches) {
        for (const { resolve, appended } of batch.waiters) resolve(appended);
        this.#families[i]?.recycle(batch);
      }
    }
    for (const listener of this.#listeners) listener();
  }

  /** Returns what became durable. */
  async #flushFamily(family: Family): Promise<readonly Batch[]> {
    const batches = family.take();
    if (batches.length === 0 || family.writer === undefined) return [];
    try {
      const { places, begun } = await family.writer.write(batches);
      for (const segment of begun) family.addSegment(segment);
      for (const [i, batch] of batches.entries()) {
        const place = places[i];
        if (place !== undefined) family.applyBatch(batch, place.segment, place.offset);
      }
      if (begun.length > 0) void this.#parts.indexWriter.run();
      this.#parts.historyKeeper.changed(begun.length > 0);
    } catch (cause) {
      this.#refuse(family, batches, cause);
      return [];
    }
    if (!family.healthy) this.#parts.logger.info({ family: family.name }, 'the log can write again');
    family.healthy = true;
    return batches;
  }

  #refuse(family: Family, batches: readonly Batch[], cause: unknown): void {
    this.#parts.logger.error({ error: cause, family: family.name }, 'the log cannot write');
    const reason = cause instanceof Error ? cause.message : String(cause);
    const error = new LogError('LOG_UNAVAILABLE', `cannot write the log: ${reason}`, {
      retryable: true,
      cause,
    });
    const code = (cause as { readonly code?: unknown } | null)?.code;
    for (const batch of family.rollBack(batches)) {
      this.#parts.observer?.refused(batch.waiters.length, typeof code === 'string' ? code : 'unknown');
      for (const { reject } of batch.waiters) reject(error);
      family.recycle(batch);
    }
  }

  #stream(name: string): ReturnType<Family['stream']> {
    return this.#parts.families[retentionOf(name)].stream(name);
  }

  #requireOpen(): void {
    if (this.#closing !== undefined) throw new LogError('LOG_CLOSED', 'the log is closed');
  }
}
