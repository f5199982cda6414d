import { type Disk, type DiskFile, writeFully } from '../disk/disk.ts';
import { Batch, TypeName } from '../families/batch.ts';
import type { Family } from '../families/family.ts';
import { BatchReader } from '../files/batch-reader.ts';
import { BatchScanner } from '../files/batch-scanner.ts';
import { encodeSegmentHeader, RECORD_EVENT, SEGMENT_HEADER } from '../files/format.ts';
import { Segment } from '../files/segment.ts';
import { streamOfMetadata } from '../index/metadata-stream.ts';
import { runFilePath } from '../index/run-file.ts';
import { RunTable } from '../index/run-table.ts';
import { StreamEntry } from '../index/stream-entry.ts';
import type { StreamIndex } from '../index/stream-index.ts';
import { streamKey } from '../index/stream-key.ts';

export const COMPACTING = '.compact';

/** Whether an event need not be kept. */
export type IsDead = (record: BatchReader) => boolean;

interface Kept {
  readonly entry: StreamEntry;
  readonly revisions: number[];
  readonly oldOffset: number;
  readonly newOffset: number;
}

interface Copied {
  readonly kept: readonly Kept[];
  readonly end: number;
  /** Where the last batch starts; 0: there is none. */
  readonly lastBatch: number;
}

/**
 * Rewrites an old segment without its dead events, under the same name. Positions, revisions and times stay what they
 * were, so nothing changes for a reader: posting the letters again into the newest segment would give them new positions
 * and so change the order. The new header names the hashes between which the segment stood in the chain.
 *
 * Whenever the process dies, either the old file stands there or the new one: the rename is the moment.
 */
export async function compactSegment(
  disk: Disk,
  directory: string,
  family: Family,
  old: Segment,
  chainEnd: Buffer,
  isDead: IsDead = (record) => record.revision < family.stream(record.stream).firstLive(),
): Promise<void> {
  const temporary = old.path + COMPACTING;
  const file = await disk.open(temporary, 'create');
  let kept: Copied;
  const { family: name, number, firstPosition, createdAt, chain } = old.header;
  try {
    kept = await copyLive(family, old, file, chainEnd, isDead);
    const header = { family: name, number, firstPosition, createdAt, chain, chainEnd, compacted: true };
    await writeFully(file, encodeSegmentHeader({ ...header, contentEnd: kept.end }), 0);
    await file.sync();
    // It is about the old file. The runs that it told of stay readable until those of the new one are there.
    if (family.index !== undefined) await disk.remove(runFilePath(old.path));
    await disk.rename(temporary, old.path);
    await disk.syncDirectory(directory);
    const segment = new Segment(old.path, file, { ...header, contentEnd: kept.end, version: 1 }, kept.end);
    segment.lastBatch = kept.lastBatch;
    swap(family, old, segment, kept.kept);
  } catch (error) {
    await file.close();
    await disk.remove(temporary);
    throw error;
  }
  await old.release();
}

async function copyLive(
  family: Family,
  old: Segment,
  file: DiskFile,
  chainEnd: Buffer,
  isDead: IsDead,
): Promise<Copied> {
  const kept: Kept[] = [];
  let lastBatch = 0;
  const batch = new Batch();
  // Entries of our own: the family's carry the numbers that the batch being collected has given them.
  const streams = new Map<string, StreamEntry>();
  const types = new Map<string, TypeName>();
  let chain = old.header.chain;
  let offset = SEGMENT_HEADER;
  const scanner = new BatchScanner(old.file);
  scanner.hash = old.header.chain;
  if (!old.header.compacted) scanner.endHash = chainEnd;
  for (let found = await scanner.next(old.end); found !== undefined; found = await scanner.next(old.end)) {
    batch.reset();
    batch.recordedAt = found.header.recordedAt;
    const here = new Map<string, Kept>();
    const reader = new BatchReader(found.bytes, found.header);
    while (reader.next()) {
      if (reader.kind !== RECORD_EVENT || isDead(reader)) continue;
      const entry = family.stream(reader.stream);
      const stream = remember(streams, reader.stream, () => new StreamEntry(reader.stream, undefined));
      const type = remember(types, reader.type, () => new TypeName(reader.type));
      batch.addRaw(stream, type, reader.revision, reader.position, reader.data());
      const place = { entry, revisions: [], oldOffset: found.offset, newOffset: offset };
      remember(here, reader.stream, (): Kept => place).revisions.push(reader.revision);
    }
    if (batch.isEmpty) continue;
    kept.push(...here.values());
    const { bytes, hash } = batch.seal(chain);
    await writeFully(file, bytes, offset);
    lastBatch = offset;
    offset += bytes.length;
    chain = hash;
  }
  const isWhole =
    old.end === Number.POSITIVE_INFINITY ? scanner.hash?.equals(chainEnd) : scanner.offset === old.end;
  if (scanner.problem !== undefined || isWhole !== true) {
    throw new Error(`${old.path}, offset ${scanner.offset}: ${scanner.problem ?? 'ends early'}`);
  }
  return { kept, end: offset, lastBatch };
}

/** In one turn of the event loop: no reader sees half of it. */
function swap(family: Family, old: Segment, segment: Segment, kept: readonly Kept[]): void {
  for (const { entry, revisions, oldOffset, newOffset } of kept) {
    segment.events += revisions.length;
    const firstLive = entry.firstLive();
    for (const revision of revisions) {
      if (revision >= firstLive) segment.live += 1;
    }
    moveRun(entry, old.number, oldOffset, newOffset);
  }
  if (family.index !== undefined) reindex(family.index, segment, kept);
  family.replaceSegment(segment);
  for (const entry of family.streams.values()) {
    if (entry.newest === old) entry.newest = segment;
  }
  segment.newestOf = old.newestOf;
}

/** The runs of the new file, in memory until they are written. */
function reindex(index: StreamIndex, segment: Segment, kept: readonly Kept[]): void {
  const table = new RunTable(segment.number);
  for (const { entry, revisions, newOffset } of kept) {
    const first = revisions[0] ?? 0;
    table.add(streamKey(entry.name), first, revisions.at(-1) ?? first, newOffset);
    const about = streamOfMetadata(entry.name);
    if (about !== undefined) table.metadata.add(about);
  }
  void index.replace(table)?.close();
}

function moveRun(entry: StreamEntry, segment: number, oldOffset: number, newOffset: number): void {
  const { runs } = entry;
  for (let i = 0; i < runs.count; i++) {
    if (runs.segmentAt(i) > segment) return;
    // Each run is moved once, from the front: a new offset is never above the old one, so a moved run cannot match again
    // before its own old offset has been handled.
    if (runs.segmentAt(i) === segment && runs.offsetAt(i) === oldOffset) {
      runs.setOffsetAt(i, newOffset);
      return;
    }
  }
}

function remember<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
