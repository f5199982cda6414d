import { join } from 'node:path';
import type { LogLogger } from '../../log-logger.ts';
import type { RetentionClass } from '../../retention.ts';
import { type Disk, type DiskFile, writeFully } from '../disk/disk.ts';
import type { Segment } from './segment.ts';

export interface PreallocationOptions {
  readonly directory: string;
  readonly family: RetentionClass;
  readonly disk: Disk;
  readonly logger: LogLogger;
  readonly segmentSize: number;
}

const STEP = 1024 * 1024;
/** How far the zeros are ahead of the batches in a segment that was not prepared as a whole. */
const AHEAD = 4 * STEP;

/**
 * Writes zeros where batches will come, in the background: a batch inside allocated blocks need not wait
 * for the file system's journal (0.12 ms against 0.28 ms). Once a segment is half full the next one is prepared as a
 * whole in a file of its own, so that its zeros are no load on the file that batches wait for.
 */
export class Preallocation {
  readonly #options: PreallocationOptions;
  readonly #sparePath: string;
  #segment: Segment | undefined;
  /** Zeros reach up to here. */
  #allocated = 0;
  #step: Promise<void> | undefined;
  #spare: DiskFile | undefined;
  #spareReady = false;
  #preparing: Promise<void> | undefined;
  #closed = false;

  constructor(options: PreallocationOptions) {
    this.#options = options;
    this.#sparePath = join(options.directory, `${options.family}.spare`);
  }

  /** Must be awaited before a batch that ends at `end` is written: zeros on their way must not land on top of it. */
  async beforeWrite(segment: Segment, end: number): Promise<void> {
    if (segment !== this.#segment || end > this.#allocated) await this.#step;
    if (segment === this.#segment) this.#allocated = Math.max(this.#allocated, end);
  }

  /** Never waits and never fails: without zeros ahead a batch is only slower. */
  afterWrite(segment: Segment, offset: number): void {
    if (this.#closed) return;
    const { segmentSize } = this.#options;
    if (segment !== this.#segment) {
      this.#segment = segment;
      this.#allocated = this.#spareReady ? segmentSize : offset;
      this.#spareReady = false;
    }
    const target = Math.min(segmentSize, offset + AHEAD);
    if (this.#step === undefined && target - this.#allocated >= Math.min(STEP, segmentSize / 4)) {
      this.#step = this.#quietly(this.#extend(segment, target)).finally(() => {
        this.#step = undefined;
      });
    }
    if (offset > segmentSize / 2 && this.#spare === undefined && this.#preparing === undefined) {
      this.#preparing = this.#quietly(this.#prepare()).finally(() => {
        this.#preparing = undefined;
      });
    }
  }

  /** The file of the next segment: the prepared one, or a new one. */
  async take(path: string): Promise<DiskFile> {
    const { disk } = this.#options;
    await this.#preparing;
    // Nothing may lie there: to empty or to replace a segment is to lose it.
    const file = await disk.open(path, 'new');
    const spare = this.#spare;
    this.#spare = undefined;
    this.#spareReady = spare !== undefined;
    if (spare === undefined) return file;
    await file.close();
    await disk.rename(this.#sparePath, path);
    return spare;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#step;
    await this.#preparing;
    await this.#spare?.close();
    if (this.#spare !== undefined) await this.#quietly(this.#options.disk.remove(this.#sparePath));
    this.#spare = undefined;
  }

  async #extend(segment: Segment, target: number): Promise<void> {
    const from = this.#allocated;
    const zeros = Buffer.alloc(Math.min(STEP, target - from));
    // Before the write: a batch that comes meanwhile and reaches further waits for it.
    for (let at = from; at < target && !this.#closed && at === this.#allocated; at += zeros.length) {
      const end = Math.min(at + zeros.length, target);
      await writeFully(segment.file, zeros.subarray(0, end - at), at);
      if (this.#segment === segment && this.#allocated === at) this.#allocated = end;
    }
  }

  async #prepare(): Promise<void> {
    const { disk, segmentSize } = this.#options;
    const file = await disk.open(this.#sparePath, 'create');
    const zeros = Buffer.alloc(Math.min(STEP, segmentSize));
    try {
      for (let at = 0; at < segmentSize && !this.#closed; at += zeros.length) {
        await writeFully(file, zeros.subarray(0, Math.min(zeros.length, segmentSize - at)), at);
        await file.sync();
      }
    } catch (error) {
      await file.close();
      await disk.remove(this.#sparePath);
      throw error;
    }
    this.#spare = file;
  }

  async #quietly(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      const { logger, family } = this.#options;
      logger.warn({ error, family }, 'cannot allocate space ahead of the log');
    }
  }
}
