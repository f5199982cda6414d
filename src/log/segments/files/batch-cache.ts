import { BATCH_HEADER, type BatchHeader, contentIsWhole, decodeBatchHeader } from './format.ts';
import { corrupt } from './recovery.ts';
import type { Segment } from './segment.ts';

export interface LoadedBatch {
  readonly bytes: Buffer;
  readonly header: BatchHeader;
}

/** Most batches come with one read of this size. */
const FIRST_READ = 64 * 1024;
const CACHE_BYTES = 8 * 1024 * 1024;

/** Reads single batches, verified, and keeps the last ones: letters of one mailbox lie in the same few batches. */
export class BatchCache {
  readonly #batches = new Map<string, LoadedBatch>();
  #bytes = 0;

  /** @throws LogError `LOG_CORRUPT` */
  async load(segment: Segment, offset: number): Promise<LoadedBatch> {
    // Each compaction of a segment makes it end earlier: batches of before are not mistaken for those of now.
    const { family, number, contentEnd } = segment.header;
    const key = `${family} ${number} ${contentEnd} ${offset}`;
    const known = this.#batches.get(key);
    if (known !== undefined) {
      this.#batches.delete(key);
      this.#batches.set(key, known);
      return known;
    }
    const loaded = await readBatch(segment, offset);
    if (!this.#batches.has(key)) this.#keep(key, loaded);
    return loaded;
  }

  #keep(key: string, loaded: LoadedBatch): void {
    this.#batches.set(key, loaded);
    this.#bytes += loaded.bytes.length;
    for (const [oldKey, old] of this.#batches) {
      if (this.#bytes <= CACHE_BYTES) return;
      this.#batches.delete(oldKey);
      this.#bytes -= old.bytes.length;
    }
  }
}

async function readBatch(segment: Segment, offset: number): Promise<LoadedBatch> {
  segment.retain();
  try {
    const first = Buffer.allocUnsafeSlow(Math.max(BATCH_HEADER, Math.min(FIRST_READ, segment.end - offset)));
    const got = await segment.file.read(first, offset);
    const header = decodeBatchHeader(first.subarray(0, got));
    if (header === undefined) throw corrupt(segment.path, offset, 'no batch where the index says one is');
    let bytes = first.subarray(0, header.length);
    if (header.length > got) {
      bytes = Buffer.allocUnsafeSlow(header.length);
      const all = await segment.file.read(bytes, offset);
      if (all < header.length) throw corrupt(segment.path, offset, 'the batch is cut off');
    } else if (header.length < FIRST_READ / 2) bytes = Buffer.from(bytes);
    if (!contentIsWhole(bytes, header)) throw corrupt(segment.path, offset, 'checksum of a batch');
    return { bytes, header: decodeBatchHeader(bytes) ?? header };
  } finally {
    await segment.release();
  }
}
