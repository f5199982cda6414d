import type { Clock } from '../../../ports/ports.ts';
import { LogError } from '../../log-error.ts';
import type { LogLogger } from '../../log-logger.ts';
import type { RetentionClass } from '../../retention.ts';
import { type Disk, type DiskFile, writeFully } from '../disk/disk.ts';
import { encodeSegmentHeader, NO_HASH, SEGMENT_HEADER } from '../files/format.ts';
import type { Mark } from '../files/loss.ts';
import { Preallocation } from '../files/preallocation.ts';
import { Segment, segmentPath } from '../files/segment.ts';
import type { Batch } from './batch.ts';

export interface WriterOptions {
  readonly directory: string;
  readonly family: RetentionClass;
  readonly clock: Clock;
  readonly disk: Disk;
  readonly logger: LogLogger;
  readonly segmentSize: number;
}

/** Where a batch ended up. */
export interface Place {
  readonly segment: Segment;
  readonly offset: number;
}

/**
 * Writes batches to the newest segment of a family and begins the next one when it is full.
 *
 * After a failed write nobody knows what the file holds behind the last durable batch, and asking again
 * proves nothing (the kernel reports a lost page once). So a segment that failed is never written again: the next batch
 * goes to a new segment whose header names the last durable hash. What stands in the old one behind that hash is thereby
 * void, even if it is a whole batch.
 */
export class SegmentWriter {
  readonly #options: WriterOptions;
  /** Durable state. */
  #head: Segment | undefined;
  #offset: number;
  #chain: Buffer;
  #number: number;
  #failed = false;
  /** Segments of failed writes that could not be removed then. */
  readonly #leftBehind = new Set<string>();
  readonly #preallocation: Preallocation;

  constructor(options: WriterOptions, head: Segment | undefined, chain: Buffer, lastNumber: number) {
    this.#options = options;
    this.#head = head;
    this.#offset = head?.end ?? SEGMENT_HEADER;
    this.#chain = chain;
    this.#number = lastNumber;
    this.#preallocation = new Preallocation(options);
    // A compacted newest segment is complete: the next batch begins a new one.
    if (head?.header.compacted === true) this.#failed = true;
  }

  get head(): Segment | undefined {
    return this.#head;
  }

  /** How far the family is durable; undefined: it has no segment. */
  get mark(): Mark | undefined {
    const head = this.#head;
    if (head === undefined) return undefined;
    return {
      segment: head.number,
      offset: head.end,
      batchOffset: head.lastBatch,
      hash: this.#chain.toString('hex'),
    };
  }

  get chain(): Buffer {
    return this.#chain;
  }

  /**
   * Writes the batches through to the medium: one write each.
   *
   * @returns the place of each batch, and the segments that were begun.
   * @throws what the disk threw; then nothing has changed here.
   */
  async write(
    batches: readonly Batch[],
  ): Promise<{ readonly places: readonly Place[]; readonly begun: readonly Segment[] }> {
    const begun: Segment[] = [];
    const places: Place[] = [];
    let head = this.#failed ? undefined : this.#head;
    let offset = this.#offset;
    let chain = this.#chain;
    let number = this.#number;
    try {
      for (const batch of batches) {
        if (head === undefined || offset + batch.length > this.#options.segmentSize) {
          number += 1;
          head = await this.#begin(number, chain, batch.firstPosition);
          begun.push(head);
          offset = SEGMENT_HEADER;
        }
        const { bytes, hash } = batch.seal(chain);
        await this.#preallocation.beforeWrite(head, offset + bytes.length);
        // At most one batch is ever in the air: a whole batch behind a torn one always means damage.
        await writeFully(head.file, bytes, offset, 'writeThrough');
        places.push({ segment: head, offset });
        offset += bytes.length;
        chain = hash;
      }
      if (begun.length > 0) await this.#options.disk.syncDirectory(this.#options.directory);
    } catch (error) {
      this.#failed = true;
      await this.#abandon(begun);
      throw error;
    }
    this.#commit(places, batches, offset);
    this.#head = head;
    this.#offset = offset;
    this.#chain = chain;
    this.#number = number;
    this.#failed = false;
    if (head !== undefined) this.#preallocation.afterWrite(head, offset);
    return { places, begun };
  }

  async close(): Promise<void> {
    await this.#preallocation.close();
  }

  #commit(places: readonly Place[], batches: readonly Batch[], offset: number): void {
    if (this.#head !== undefined) this.#head.end = this.#offset;
    places.forEach((place, i) => {
      place.segment.end = place.offset + (batches[i]?.length ?? 0);
      place.segment.lastBatch = place.offset;
    });
    const last = places.at(-1);
    if (last !== undefined) last.segment.end = offset;
  }

  async #begin(number: number, chain: Buffer, firstPosition: number): Promise<Segment> {
    const { directory, family, clock } = this.#options;
    const path = segmentPath(directory, family, number);
    const header = {
      family,
      compacted: false,
      number,
      contentEnd: 0,
      firstPosition,
      createdAt: Math.floor(clock.now()),
      chain,
      chainEnd: NO_HASH,
    };
    const file = await this.#make(path);
    const segment = new Segment(path, file, { ...header, version: 1 }, SEGMENT_HEADER);
    try {
      await writeFully(file, encodeSegmentHeader(header), 0, 'writeThrough');
    } catch (error) {
      await this.#abandon([segment]);
      throw error;
    }
    return segment;
  }

  /** A new file, in the place of what a failed write of ours may have left there. */
  async #make(path: string): Promise<DiskFile> {
    if (this.#leftBehind.has(path)) await this.#options.disk.remove(path);
    this.#leftBehind.delete(path);
    try {
      return await this.#preallocation.take(path);
    } catch (error) {
      if (!(error instanceof LogError)) this.#leftBehind.add(path);
      throw error;
    }
  }

  /** Best effort: what stays behind is a segment with a valid header and batches that nobody was told of. */
  async #abandon(segments: readonly Segment[]): Promise<void> {
    const { disk, logger, directory } = this.#options;
    for (const segment of segments) {
      try {
        this.#leftBehind.add(segment.path);
        await segment.release();
        await disk.remove(segment.path);
        this.#leftBehind.delete(segment.path);
        await disk.syncDirectory(directory);
      } catch (error) {
        logger.warn({ error, file: segment.path }, 'cannot remove a segment that failed');
      }
    }
  }
}
