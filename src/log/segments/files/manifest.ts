import type { RetentionClass } from '../../retention.ts';
import type { Disk } from '../disk/disk.ts';
import { readSealed, writeSealed } from '../disk/sealed-json.ts';
import { HASH_LENGTH, NO_HASH } from './format.ts';

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
    const dropped = await readSealed(
      disk,
      directory,
      NAME,
      FORMAT,
      ({ body }) => (body as { readonly dropped: DroppedRanges }).dropped,
    );
    return new Manifest(disk, directory, dropped ?? NOTHING);
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
    await writeSealed(this.#disk, this.#directory, NAME, () => ({ format: FORMAT, dropped: next }));
    this.#dropped = next;
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

export function hashFromHex(hex: string): Buffer {
  const hash = Buffer.from(hex, 'hex');
  return hash.length === HASH_LENGTH ? hash : NO_HASH;
}
