import type { DiskFile } from '../disk/disk.ts';
import {
  BATCH_HEADER,
  type BatchHeader,
  contentIsWhole,
  decodeBatchHeader,
  SEGMENT_HEADER,
} from './format.ts';

export interface ScannedBatch {
  readonly offset: number;
  /** Header and content; valid for as long as anybody holds it. */
  readonly bytes: Buffer;
  readonly header: BatchHeader;
}

const CHUNK = 1024 * 1024;

/** Reads the batches of a segment file one after the other, in large pieces. */
export class BatchScanner {
  /** Where the next batch is expected. */
  offset: number;
  /** Why the last `next()` found no batch; undefined: zeros or the end of the file, a clean end. */
  problem: string | undefined;
  /** The scan ends behind the batch with this hash. */
  endHash: Buffer | undefined;
  /** Hash of the batch before `offset`. */
  hash: Buffer | undefined;
  readonly #file: DiskFile;
  #chunk: Buffer = Buffer.alloc(0);
  #chunkStart = 0;

  constructor(file: DiskFile, offset: number = SEGMENT_HEADER) {
    this.#file = file;
    this.offset = offset;
  }

  /**
   * The next batch with a correct checksum that ends at `end` or before, or undefined.
   *
   * @param contentFrom batches whose last position is below are skipped over without reading their content.
   */
  async next(end: number, contentFrom = 0): Promise<ScannedBatch | undefined> {
    this.problem = undefined;
    for (;;) {
      if (this.offset >= end || (this.hash !== undefined && this.endHash?.equals(this.hash))) {
        return undefined;
      }
      const head = await this.#bytes(BATCH_HEADER);
      const header = decodeBatchHeader(head);
      if (header === undefined) {
        if (!head.every((byte) => byte === 0)) this.problem = 'no batch header';
        return undefined;
      }
      if (this.offset + header.length > end) {
        this.problem = 'the batch is longer than its segment';
        return undefined;
      }
      if (header.lastPosition < contentFrom) {
        this.offset += header.length;
        this.hash = Buffer.from(header.hash);
        continue;
      }
      const bytes = await this.#bytes(header.length);
      if (bytes.length < header.length) this.problem = 'the batch is cut off';
      else if (!contentIsWhole(bytes, header)) this.problem = 'checksum of a batch';
      if (this.problem !== undefined) return undefined;
      const offset = this.offset;
      this.offset += header.length;
      this.hash = Buffer.from(header.hash);
      // Decoded again: the header's views must point into the same memory as the batch.
      return { offset, bytes, header: decodeBatchHeader(bytes) ?? header };
    }
  }

  /** Up to `length` bytes at the current offset; fewer at the end of the file. */
  async #bytes(length: number): Promise<Buffer> {
    const from = this.offset - this.#chunkStart;
    if (from >= 0 && from + length <= this.#chunk.length) return this.#chunk.subarray(from, from + length);
    const chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK, length));
    const got = await this.#file.read(chunk, this.offset);
    this.#chunk = chunk.subarray(0, got);
    this.#chunkStart = this.offset;
    return this.#chunk.subarray(0, length);
  }
}
