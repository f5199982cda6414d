import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { type Disk, writeFully } from './disk.ts';
import { HASH_LENGTH, NO_HASH } from './format.ts';
import { LogError } from './log-error.ts';
import type { RetentionClass } from './retention.ts';

/** Segments that were dropped, one after the other; the chain goes on from `chain`. */
export interface DroppedRange {
  readonly from: number;
  readonly to: number;
  readonly lastPosition: number;
  /** Hash before the first and of the last batch, hex. */
  readonly chainBefore: string;
  readonly chain: string;
}

export type DroppedRanges = Readonly<Record<RetentionClass, readonly DroppedRange[]>>;

const NAME = 'manifest.json';
const FORMAT = 1;
const NOTHING: DroppedRanges = { facts: [], journal: [], mail: [] };

/** What of a log is gone on purpose: the one thing that the segments themselves cannot say. */
export class Manifest {
  readonly #disk: Disk;
  readonly #directory: string;
  #dropped: DroppedRanges;
  /** Changes are written one after the other. */
  #writing: Promise<void> = Promise.resolve();

  private constructor(disk: Disk, directory: string, dropped: DroppedRanges) {
    this.#disk = disk;
    this.#directory = directory;
    this.#dropped = dropped;
  }

  /** @throws LogError `LOG_CORRUPT`, `LOG_VERSION` */
  static async read(disk: Disk, directory: string): Promise<Manifest> {
    const names = await disk.list(directory);
    if (!names.includes(NAME)) return new Manifest(disk, directory, NOTHING);
    const path = join(directory, NAME);
    const file = await disk.open(path, 'read');
    try {
      const bytes = Buffer.alloc(await file.size());
      await file.read(bytes, 0);
      return new Manifest(disk, directory, parse(path, bytes.toString('utf8')));
    } finally {
      await file.close();
    }
  }

  dropped(family: RetentionClass): readonly DroppedRange[] {
    return this.#dropped[family];
  }

  isDropped(family: RetentionClass, number: number): boolean {
    return this.#dropped[family].some((range) => range.from <= number && number <= range.to);
  }

  lastPosition(): number {
    return Math.max(0, ...Object.values(this.#dropped).flatMap((r) => r.map((range) => range.lastPosition)));
  }

  /** Durable when it resolves; only then may the file go. */
  drop(family: RetentionClass, range: DroppedRange): Promise<void> {
    const work = this.#dropAfter(this.#writing, family, range);
    this.#writing = work.catch(() => undefined);
    return work;
  }

  async #dropAfter(before: Promise<void>, family: RetentionClass, range: DroppedRange): Promise<void> {
    await before;
    const next = { ...this.#dropped, [family]: withRange(this.#dropped[family], range) };
    await this.#write(next);
    this.#dropped = next;
  }

  async #write(dropped: DroppedRanges): Promise<void> {
    const body = JSON.stringify({ format: FORMAT, dropped });
    const text = `${JSON.stringify({ crc32: crc32(body), body })}\n`;
    const path = join(this.#directory, NAME);
    const temporary = `${path}.tmp`;
    const file = await this.#disk.open(temporary, 'create');
    try {
      await writeFully(file, Buffer.from(text), 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#disk.rename(temporary, path);
    await this.#disk.syncDirectory(this.#directory);
  }
}

/** Neighbours become one range, so that the manifest is as long as there are gaps, not as there were segments. */
function withRange(ranges: readonly DroppedRange[], added: DroppedRange): readonly DroppedRange[] {
  const result: DroppedRange[] = [];
  for (const range of [...ranges, added].sort((a, b) => a.from - b.from)) {
    const last = result.at(-1);
    if (last === undefined || last.to + 1 !== range.from) result.push(range);
    else {
      const { to, chain } = range;
      const lastPosition = Math.max(last.lastPosition, range.lastPosition);
      result[result.length - 1] = { ...last, to, chain, lastPosition };
    }
  }
  return result;
}

function parse(path: string, text: string): DroppedRanges {
  try {
    const { crc32: crc, body } = JSON.parse(text) as { crc32: number; body: string };
    if (crc32(body) !== crc) throw new Error('checksum');
    const { format, dropped } = JSON.parse(body) as { format: number; dropped: DroppedRanges };
    if (format > FORMAT)
      throw new LogError('LOG_VERSION', `${path} has format ${format}: use a newer program`);
    return dropped;
  } catch (cause) {
    if (cause instanceof LogError) throw cause;
    throw new LogError('LOG_CORRUPT', `${path}: not a manifest`, { cause });
  }
}

export function hashFromHex(hex: string): Buffer {
  const hash = Buffer.from(hex, 'hex');
  return hash.length === HASH_LENGTH ? hash : NO_HASH;
}
