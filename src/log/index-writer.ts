import type { CancelTimer, Clock } from '../protocol/ports.ts';
import type { StreamMetadata } from './event-log.ts';
import type { Family } from './family.ts';
import type { LogIndex } from './log-index.ts';
import type { LogLogger } from './log-logger.ts';
import type { Run } from './runs.ts';

const DELAY_MS = 250;
/** Streams in one transaction. */
const MAX_STREAMS = 2000;
/** Streams that may wait while a log is recovered. */
const RELIEF = 20_000;

/** Brings the index up to the segments in the background. A stream's runs stay in memory until they are in the index. */
export class IndexWriter {
  readonly index: LogIndex;
  readonly #clock: Clock;
  readonly #logger: LogLogger;
  readonly #metadata: ReadonlyMap<string, StreamMetadata>;
  readonly #pending = new Set<Family>();
  readonly #changedMetadata = new Set<string>();
  #cancel: CancelTimer | undefined;
  #running: Promise<void> | undefined;

  constructor(
    index: LogIndex,
    clock: Clock,
    logger: LogLogger,
    metadata: ReadonlyMap<string, StreamMetadata>,
  ) {
    this.index = index;
    this.#clock = clock;
    this.#logger = logger;
    this.#metadata = metadata;
  }

  /** A batch of this family is durable and noted. */
  changed(family: Family): void {
    if (family.inMemory) return;
    this.#pending.add(family);
    this.#cancel ??= this.#clock.after(DELAY_MS, () => {
      this.#cancel = undefined;
      void this.run();
    });
  }

  metadataChanged(stream: string): void {
    this.#changedMetadata.add(stream);
  }

  /** Writes what is pending now. An index that cannot be written is only behind: the next start scans more. */
  run(): Promise<void> {
    const before = this.#running ?? Promise.resolve();
    const running = before
      .then(() => this.#run())
      .catch((error: unknown) => this.#logger.warn({ error }, 'cannot write the index of the log'));
    this.#running = running;
    return running;
  }

  async close(): Promise<void> {
    this.#cancel?.();
    await this.run();
    await this.index.close();
  }

  /** While a family is recovered: keeps memory bounded; the checkpoint stays where it was. */
  async relieve(family: Family): Promise<void> {
    if (family.unindexed.size < RELIEF) return;
    while (await this.#write(family));
  }

  async #run(): Promise<void> {
    const families = [...this.#pending];
    this.#pending.clear();
    for (const family of families) while (await this.#write(family));
  }

  /** One transaction. The checkpoint only moves once nothing before it is missing. */
  async #write(family: Family): Promise<boolean> {
    const checkpoint = family.checkpoint();
    const entries = [...family.unindexed].slice(0, MAX_STREAMS);
    const isLast = entries.length === family.unindexed.size;
    const streams: { name: string; last: number; runs: Run[] }[] = [];
    for (const entry of entries) {
      const runs: Run[] = [];
      for (let i = 0; i < entry.runs.count; i++) runs.push(entry.runs.at(i));
      streams.push({ name: entry.name, last: entry.durable, runs });
      family.unindexed.delete(entry);
    }
    const changed = family.name === 'facts' ? [...this.#changedMetadata] : [];
    if (family.name === 'facts') this.#changedMetadata.clear();
    const metadata = changed.map((stream) => ({ stream, metadata: this.#metadata.get(stream) ?? {} }));
    try {
      await this.index.write({
        family: family.name,
        checkpoint: isLast ? checkpoint : undefined,
        streams,
        metadata,
      });
    } catch (error) {
      for (const entry of entries) family.unindexed.add(entry);
      for (const stream of changed) this.#changedMetadata.add(stream);
      throw error;
    }
    for (const [i, entry] of entries.entries()) entry.runs.shift(streams[i]?.runs.length ?? 0);
    return !isLast;
  }
}
