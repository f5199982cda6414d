import type { CancelTimer, Clock } from '../../../ports/ports.ts';
import type { StreamMetadata } from '../../event-log.ts';
import type { LogLogger } from '../../log-logger.ts';
import type { LogObserver } from '../../log-observer.ts';
import type { Disk } from '../disk/disk.ts';
import { BatchReader } from '../files/batch-reader.ts';
import { BatchScanner, type ScannedBatch } from '../files/batch-scanner.ts';
import { RECORD_EVENT } from '../files/format.ts';
import type { Segment } from '../files/segment.ts';
import { streamOfMetadata } from '../index/metadata-stream.ts';
import { runFilePath, writeRunFile } from '../index/run-file.ts';
import { RunTable, type SegmentRuns } from '../index/run-table.ts';
import { streamKey } from '../index/stream-key.ts';
import type { Family } from './family.ts';

/** After a disk that refused. */
const RETRY_MS = 60_000;

export interface IndexWriterOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: LogLogger;
  readonly observer: LogObserver | undefined;
  readonly metadata: ReadonlyMap<string, StreamMetadata>;
  /** Hash of the last batch of a sealed segment. */
  readonly chainEnd: (family: Family, segment: Segment) => Buffer;
}

/**
 * Moves the runs of sealed segments from memory into files, in the background. A disk that refuses costs memory and, after
 * a restart, a scan of the segment; it never stops the log.
 */
export class IndexWriter {
  readonly #options: IndexWriterOptions;
  readonly #families = new Set<Family>();
  readonly #doubted = new Set<SegmentRuns>();
  #running: Promise<void> = Promise.resolve();
  #cancel: CancelTimer | undefined;
  #closed = false;

  constructor(options: IndexWriterOptions) {
    this.#options = options;
  }

  /** Looks after a family from now on. */
  start(family: Family): void {
    const { index } = family;
    if (index === undefined) return;
    this.#families.add(family);
    index.onDoubt = (segment, error) => this.#doubt(family, segment, error);
  }

  /** Segments were sealed, or compacted: their runs can go into files. Never rejects. */
  run(): Promise<void> {
    this.#running = this.#running.then(() => this.#writeAll());
    return this.#running;
  }

  async close(): Promise<void> {
    await this.run();
    this.#closed = true;
    this.#cancel?.();
    await this.#running;
    for (const { index } of this.#families) await index?.close();
  }

  async #writeAll(): Promise<void> {
    if (this.#closed) return;
    try {
      for (const family of this.#families) {
        const newest = family.segments.at(-1)?.number ?? 0;
        for (const table of family.index?.tablesBelow(newest) ?? []) await this.#write(family, table);
      }
    } catch (error) {
      this.#options.logger.warn({ error }, 'cannot write the index of the log: it stays in memory');
      this.#cancel ??= this.#options.clock.after(RETRY_MS, () => {
        this.#cancel = undefined;
        void this.run();
      });
    }
  }

  /** @throws what the disk threw */
  async #write(family: Family, table: RunTable): Promise<void> {
    const segment = family.segment(table.segment);
    if (segment === undefined) return;
    segment.retain();
    try {
      const { disk, metadata } = this.#options;
      const chainEnd = this.#options.chainEnd(family, segment);
      const file = await writeRunFile(disk, { segment, chainEnd }, table, (stream) => metadata.get(stream));
      // Dropped, compacted or doubted meanwhile: then it is about something that is no more.
      if (family.segment(table.segment) === segment && family.index?.part(table.segment) === table) {
        family.index.replace(file);
        return;
      }
      await file.close();
      await disk.remove(runFilePath(segment.path));
    } finally {
      await segment.release();
    }
  }

  #doubt(family: Family, segment: number, error: unknown): void {
    const part = family.index?.part(segment);
    if (part === undefined || this.#doubted.has(part)) return;
    this.#doubted.add(part);
    this.#options.logger.warn({ error, family: family.name, segment }, 'the index of the log is damaged');
    this.#running = this.#running.then(() => this.#remake(family, part)).then(() => this.#writeAll());
  }

  async #remake(family: Family, part: SegmentRuns): Promise<void> {
    const segment = family.segment(part.segment);
    try {
      if (segment === undefined || this.#closed || family.index?.part(part.segment) !== part) return;
      const table = await this.#scan(family, segment);
      if (family.segment(part.segment) !== segment || family.index.part(part.segment) !== part) return;
      family.index.replace(table);
      await part.close();
      this.#options.observer?.indexRebuilt('damaged');
      this.#options.logger.warn({ file: segment.path }, 'made the index of a segment anew');
    } catch (error) {
      this.#options.logger.error({ error, segment: part.segment }, 'cannot make the index of the log anew');
    } finally {
      this.#doubted.delete(part);
    }
  }

  async #scan(family: Family, segment: Segment): Promise<RunTable> {
    const table = new RunTable(segment.number);
    segment.retain();
    try {
      const scanner = new BatchScanner(segment.file);
      scanner.hash = segment.header.chain;
      if (!segment.header.compacted) scanner.endHash = this.#options.chainEnd(family, segment);
      for (let batch = await scanner.next(segment.end); batch; batch = await scanner.next(segment.end)) {
        indexBatch(table, batch);
      }
      if (scanner.problem !== undefined) throw new Error(`${segment.path}: ${scanner.problem}`);
    } finally {
      await segment.release();
    }
    return table;
  }
}

/** Notes where the streams of a batch are. */
export function indexBatch(table: RunTable, batch: ScannedBatch): void {
  const reader = new BatchReader(batch.bytes, batch.header);
  let name = '';
  let key = streamKey(name);
  while (reader.next()) {
    if (reader.stream !== name) {
      name = reader.stream;
      key = streamKey(name);
      const about = streamOfMetadata(name);
      if (about !== undefined) table.metadata.add(about);
    }
    const { revision } = reader;
    const isEvent = reader.kind === RECORD_EVENT;
    table.add(key, isEvent ? revision : revision + 1, revision, batch.offset);
  }
}
