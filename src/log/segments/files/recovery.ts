import { LogError } from '../../log-error.ts';
import type { RetentionClass } from '../../retention.ts';
import type { Disk } from '../disk/disk.ts';
import { BatchScanner, type ScannedBatch } from './batch-scanner.ts';
import { NO_HASH } from './format.ts';
import { lossOf, lost, type Mark } from './loss.ts';
import { type DroppedRange, hashFromHex, type Manifest } from './manifest.ts';
import { listSegments, openSegment, type Segment, segmentPath } from './segment.ts';
import { endOfBytes, eraseBytes, findBatchBehind } from './tail.ts';

/** Bytes at the very end of a family that are no whole batch: what a crash in the middle of a write leaves. */
export interface TornTail {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
  readonly reason: string;
}

export interface RecoveryOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly family: RetentionClass;
  readonly manifest: Manifest;
  /** False: nothing is erased or removed; used to look at a log. */
  readonly repair: boolean;
  /** Another process writes: the end of the newest segment is not judged. @default false */
  readonly live?: boolean;
  /** True: a sealed segment need not be scanned, because its end and all that is in it are known. @default false */
  readonly isKnown?: (segment: Segment, chainEnd: Buffer) => Promise<boolean>;
  /** How far the family is known to have gone. */
  readonly mark?: Mark | undefined;
  /** Called, before anything is erased, when the family does not go as far. @default it throws `LOG_LOST` */
  readonly onLoss?: ((what: string) => void) | undefined;
  /** Called before the first batch. */
  readonly onSegments?: (segments: readonly Segment[]) => void;
  readonly onBatch: (segment: Segment, batch: ScannedBatch) => void;
  /** Called behind the last batch of a segment that is not the newest. */
  readonly onSealed?: () => Promise<void>;
}

export interface RecoveredFamily {
  readonly segments: readonly Segment[];
  /** Hash of the last batch. */
  readonly chain: Buffer;
  readonly lastNumber: number;
  readonly lastPosition: number;
  readonly tornTail: TornTail | undefined;
  /** Why the newest segment ends where it does, when another process writes it; undefined: cleanly. */
  readonly unfinished:
    | { readonly file: string; readonly offset: number; readonly reason: string }
    | undefined;
}

/**
 * Opens the segments of a family, follows the chain through them and hands each batch on. A torn tail is cut.
 *
 * @throws LogError `LOG_CORRUPT` with file, offset and reason for damage anywhere else, `LOG_LOST`, `LOG_VERSION`
 */
export async function recoverFamily(options: RecoveryOptions): Promise<RecoveredFamily> {
  const { segments, tornTail: tornHeader } = await openSegments(options);
  let chain = checkLinks(options, segments);
  options.onSegments?.(segments);
  let lastPosition = 0;
  let tornTail = tornHeader;
  let unfinished: RecoveredFamily['unfinished'];
  const dropped = options.manifest.dropped(options.family).at(-1);
  const lastNumber = Math.max(dropped?.to ?? 0, segments.at(-1)?.number ?? 0);
  if (segments.length === 0) await lookForLoss(options, segments, lastNumber);
  for (const [i, segment] of segments.entries()) {
    const isNewest = i + 1 === segments.length;
    const endHash = endHashOf(segment, segments[i + 1], options.manifest.dropped(options.family));
    lastPosition = Math.max(lastPosition, segment.header.firstPosition - 1);
    const chainEnd = segment.header.compacted ? segment.header.chainEnd : endHash;
    if (!isNewest && chainEnd !== undefined && (await options.isKnown?.(segment, chainEnd)) === true) {
      chain = chainEnd;
      continue;
    }
    const scan = new SegmentScan(segment, endHash);
    for (let batch = await scan.next(); batch !== undefined; batch = await scan.next()) {
      lastPosition = Math.max(lastPosition, batch.header.lastPosition);
      segment.lastBatch = batch.offset;
      options.onBatch(segment, batch);
    }
    chain = scan.chainEnd;
    segment.end = scan.offset;
    if (!isNewest) {
      await options.onSealed?.();
      continue;
    }
    await lookForLoss(options, segments, lastNumber);
    const { path: file } = segment;
    if (options.live !== true) tornTail = (await cutTail(options, segment, scan.problem)) ?? tornTail;
    else if (scan.problem !== undefined) unfinished = { file, offset: scan.offset, reason: scan.problem };
  }
  for (const range of options.manifest.dropped(options.family)) {
    lastPosition = Math.max(lastPosition, range.lastPosition);
  }
  return { segments, chain, lastNumber, lastPosition, tornTail, unfinished };
}

/** Compares what is there with what is known to have been. */
async function lookForLoss(
  options: RecoveryOptions,
  segments: readonly Segment[],
  lastNumber: number,
): Promise<void> {
  const { mark, family } = options;
  if (mark === undefined) return;
  const what = await lossOf(family, mark, segments, lastNumber);
  if (what === undefined) return;
  if (options.onLoss === undefined) throw lost(what);
  options.onLoss(what);
}

/**
 * Hash of the last valid batch of a segment, as what follows it says: the next segment, or the manifest where that was
 * dropped. Undefined for the newest.
 */
export function endHashOf(
  segment: Segment,
  next: Segment | undefined,
  dropped: readonly DroppedRange[],
): Buffer | undefined {
  if (next?.number === segment.number + 1) return next.header.chain;
  const range = dropped.find(({ from }) => from === segment.number + 1);
  return range === undefined ? undefined : hashFromHex(range.chainBefore);
}

/** Walks one segment to the end that the next segment's header, or its own, prescribes. */
export class SegmentScan {
  /** Why the newest segment ended where it did; undefined: cleanly. */
  problem: string | undefined;
  readonly #segment: Segment;
  readonly #endHash: Buffer | undefined;
  readonly #scanner: BatchScanner;
  #hash: Buffer;

  constructor(segment: Segment, endHash: Buffer | undefined) {
    this.#segment = segment;
    this.#endHash = endHash;
    this.#scanner = new BatchScanner(segment.file);
    this.#hash = segment.header.chain;
  }

  get offset(): number {
    return this.#scanner.offset;
  }

  get chainEnd(): Buffer {
    return this.#segment.header.compacted ? this.#segment.header.chainEnd : this.#hash;
  }

  /** @throws LogError `LOG_CORRUPT` when a segment that is not the newest ends early or differently. */
  async next(): Promise<ScannedBatch | undefined> {
    const { header, path } = this.#segment;
    const { compacted } = header;
    // Behind the hash that the next segment starts from stands only what was never acknowledged.
    if (!compacted && this.#endHash?.equals(this.#hash)) return undefined;
    const batch = await this.#scanner.next(compacted ? header.contentEnd : Number.POSITIVE_INFINITY);
    if (batch === undefined) {
      if (compacted && this.#scanner.problem === undefined && this.offset === header.contentEnd) {
        return undefined;
      }
      const problem = this.#scanner.problem ?? 'the segment ends before its last batch';
      if (compacted || this.#endHash !== undefined) throw corrupt(path, this.offset, problem);
      this.problem = this.#scanner.problem;
      return undefined;
    }
    if (!batch.header.previousHash.equals(this.#hash)) {
      throw corrupt(path, batch.offset, 'the batch does not follow the one before it');
    }
    this.#hash = Buffer.from(batch.header.hash);
    return batch;
  }
}

/** Opens all segments of a family. @throws LogError `LOG_CORRUPT`, `LOG_VERSION` */
export async function openSegments(
  options: Omit<RecoveryOptions, 'onBatch'>,
): Promise<{ segments: readonly Segment[]; tornTail: TornTail | undefined }> {
  const { disk, directory, family, manifest, repair } = options;
  const numbers = await listSegments(disk, directory, family);
  const segments: Segment[] = [];
  let tornTail: TornTail | undefined;
  for (const number of numbers) {
    const path = segmentPath(directory, family, number);
    if (manifest.isDropped(family, number)) {
      if (repair) await disk.remove(path);
      continue;
    }
    const segment = await openSegment(disk, path, repair ? 'write' : 'read');
    if (segment === undefined) {
      if (number !== numbers.at(-1)) throw corrupt(path, 0, 'no segment header');
      // Before it is removed; whoever accepts losses hears of this one as of a missing file.
      if (number === options.mark?.segment && options.onLoss === undefined) {
        throw lost(`${path}: its header is destroyed`);
      }
      if (options.live !== true) tornTail = await dropUnbegun(options, path);
      continue;
    }
    if (segment.header.family !== family || segment.header.number !== number) {
      throw corrupt(path, 0, 'the header belongs to another file');
    }
    segments.push(segment);
  }
  return { segments, tornTail };
}

/** A newest segment without a header was being begun when the process died, unless there is a batch in it. */
async function dropUnbegun(
  options: Omit<RecoveryOptions, 'onBatch'>,
  path: string,
): Promise<TornTail | undefined> {
  const { disk, directory, repair } = options;
  const file = await disk.open(path, 'read');
  try {
    if ((await findBatchBehind(file, 0)) !== undefined) throw corrupt(path, 0, 'no segment header');
    const bytes = await endOfBytes(file, 0);
    if (repair) {
      await disk.remove(path);
      await disk.syncDirectory(directory);
    }
    return bytes === 0
      ? undefined
      : { file: path, offset: 0, bytes, reason: 'a segment that was being begun' };
  } finally {
    await file.close();
  }
}

/** No segment is missing and each starts where the dropped ones before it ended. Returns the hash before the first batch. */
function checkLinks(options: RecoveryOptions, segments: readonly Segment[]): Buffer {
  const { family, manifest, directory } = options;
  const ranges = manifest.dropped(family);
  let number = 1;
  let chain: Buffer | undefined = NO_HASH;
  const skipDropped = (): void => {
    for (const range of ranges) {
      if (range.from !== number) continue;
      number = range.to + 1;
      chain = hashFromHex(range.chain);
    }
  };
  for (const segment of segments) {
    skipDropped();
    if (segment.number !== number) {
      throw corrupt(segmentPath(directory, family, number), 0, 'the segment is missing');
    }
    if (chain !== undefined && !segment.header.chain.equals(chain)) {
      throw corrupt(segment.path, 0, 'the segment does not follow the one before it');
    }
    // The end of a segment with batches is checked while scanning it.
    chain = segment.header.compacted ? segment.header.chainEnd : undefined;
    number += 1;
  }
  skipDropped();
  return chain ?? NO_HASH;
}

async function cutTail(
  options: RecoveryOptions,
  segment: Segment,
  problem: string | undefined,
): Promise<TornTail | undefined> {
  const { file, path, end } = segment;
  if (segment.header.compacted) return undefined;
  const garbageEnd = await endOfBytes(file, end);
  if (garbageEnd === end) return undefined;
  const behind = await findBatchBehind(file, end);
  const reason = problem ?? 'bytes behind the end';
  if (behind !== undefined) {
    throw corrupt(path, end, `${reason}, and there is a whole batch behind it at ${behind}`);
  }
  if (options.repair) await eraseBytes(file, end, garbageEnd);
  return { file: path, offset: end, bytes: garbageEnd - end, reason };
}

export function corrupt(path: string, offset: number, what: string): LogError {
  return new LogError('LOG_CORRUPT', `${path}, offset ${offset}: ${what}`);
}
