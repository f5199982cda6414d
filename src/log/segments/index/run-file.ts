import { crc32 } from 'node:zlib';
import type { StreamMetadata } from '../../event-log.ts';
import { type Disk, type DiskFile, writeFully } from '../disk/disk.ts';
import { encodeSegmentHeader, HASH_LENGTH, NO_HASH } from '../files/format.ts';
import type { Segment } from '../files/segment.ts';
import type { RunRow, RunTable, SegmentRuns } from './run-table.ts';
import type { Run } from './runs.ts';
import { compareKeys, KEY_LENGTH, readKey, type StreamKey, writeKey } from './stream-key.ts';

/** The bytes of a run file; `docs/log-format.md` has the table. */
const MAGIC = 0x58494343; // 'CCIX'
const VERSION = 1;
const HEADER = 80;
const ROW = 40;
const ROW_CRC = ROW - 4;
const CHUNK = 6400 * ROW;

/** What a run file says of its segment beside the runs. */
interface Content {
  readonly rows: number;
  readonly metadataBytes: number;
  readonly end: number;
  readonly lastBatch: number;
  /** Hash of the last batch. */
  readonly chainEnd: Buffer;
  readonly crc: number;
}

export interface SealedSegment {
  readonly segment: Segment;
  /** Hash of its last batch. */
  readonly chainEnd: Buffer;
}

export interface OpenedRuns {
  readonly runs: RunFile;
  readonly metadata: readonly (readonly [stream: string, metadata: StreamMetadata])[];
  /** Where the batches of the segment end, and where the last one starts; 0: there is none. */
  readonly end: number;
  readonly lastBatch: number;
}

export function runFilePath(segmentPath: string): string {
  return segmentPath.replace(/\.seg$/, '.idx');
}

/**
 * The runs of a sealed segment on disk, sorted by key. Memory holds the first word of each key, 4 bytes a run: enough to
 * say no to nearly everything, and to read just the right rows else.
 */
export class RunFile implements SegmentRuns {
  readonly segment: number;
  readonly #file: DiskFile;
  readonly #prefixes: Uint32Array;

  constructor(segment: number, file: DiskFile, prefixes: Uint32Array) {
    this.segment = segment;
    this.#file = file;
    this.#prefixes = prefixes;
  }

  /** @throws when the disk cannot read, or has other bytes than it had */
  lastRevision(key: StreamKey): number | undefined {
    const behind = this.#firstWhere((row) => compareKeys(row.key, key) > 0, key[0]);
    if (behind === 0 || this.#prefixes[behind - 1] !== key[0]) return undefined;
    const row = this.#read(behind - 1, 1)[0];
    return row !== undefined && compareKeys(row.key, key) === 0 ? row.last : undefined;
  }

  /** @throws as `lastRevision` */
  runsFrom(key: StreamKey, revision: number, limit: number): Run[] {
    const isAhead = (row: RunRow): boolean => (compareKeys(row.key, key) || row.last - revision) >= 0;
    const from = this.#firstWhere(isAhead, key[0]);
    let to = from;
    while (to < from + limit && this.#prefixes[to] === key[0]) to += 1;
    return this.#read(from, to - from)
      .filter((row) => compareKeys(row.key, key) === 0 && row.first <= row.last)
      .map(({ first, last, offset }) => ({
        firstRevision: first,
        lastRevision: last,
        segment: this.segment,
        offset,
      }));
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** Index of the first row with this first word that the test holds for, or of the first row with a higher word. */
  #firstWhere(test: (row: RunRow) => boolean, word: number): number {
    let low = this.#bound(word);
    let high = word === 0xffffffff ? this.#prefixes.length : this.#bound(word + 1);
    while (low < high) {
      const middle = (low + high) >>> 1;
      const row = this.#read(middle, 1)[0];
      if (row === undefined || test(row)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Index of the first row whose first word is at least this. */
  #bound(word: number): number {
    let low = 0;
    let high = this.#prefixes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#prefixes[middle] ?? 0) < word) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #read(index: number, count: number): RunRow[] {
    if (count === 0) return [];
    const bytes = Buffer.allocUnsafe(count * ROW);
    if (this.#file.readNow(bytes, HEADER + index * ROW) < bytes.length) {
      throw new Error('the file is cut off');
    }
    const rows: RunRow[] = [];
    for (let at = 0; at < bytes.length; at += ROW) {
      if (crc32(bytes.subarray(at, at + ROW_CRC)) !== bytes.readUInt32LE(at + ROW_CRC)) {
        throw new Error(`checksum of a row at ${HEADER + index * ROW + at}`);
      }
      rows.push(decodeRow(bytes, at));
    }
    return rows;
  }
}

/** Writes the runs of a sealed segment and opens what was written. It appears under its name when it is whole. */
export async function writeRunFile(
  disk: Disk,
  sealed: SealedSegment,
  table: RunTable,
  metadataOf: (stream: string) => StreamMetadata | undefined,
): Promise<RunFile> {
  const path = runFilePath(sealed.segment.path);
  const temporary = `${path}.tmp`;
  const file = await disk.open(temporary, 'create');
  try {
    const prefixes = new Uint32Array(table.count);
    let crc = await writeRows(file, table, prefixes);
    // Only now, many turns after the segment was sealed: whoever changed metadata in it has noted the change.
    const changed = [...table.metadata].map((stream) => [stream, metadataOf(stream) ?? {}] as const);
    const metadata = Buffer.from(JSON.stringify(changed));
    crc = crc32(metadata, crc);
    const { end, lastBatch } = sealed.segment;
    const { chainEnd } = sealed;
    const content = { rows: table.count, metadataBytes: metadata.length, end, lastBatch, chainEnd, crc };
    await writeFully(file, metadata, HEADER + table.count * ROW);
    await writeFully(file, encodeHeader(sealed.segment, content), 0);
    await file.sync();
    await disk.rename(temporary, path);
    return new RunFile(table.segment, file, prefixes);
  } catch (error) {
    await file.close();
    await disk.remove(temporary);
    throw error;
  }
}

async function writeRows(file: DiskFile, table: RunTable, prefixes: Uint32Array): Promise<number> {
  const chunk = Buffer.allocUnsafe(CHUNK);
  let used = 0;
  let at = HEADER;
  let index = 0;
  let crc = 0;
  const flush = async (): Promise<void> => {
    const bytes = chunk.subarray(0, used);
    crc = crc32(bytes, crc);
    await writeFully(file, bytes, at);
    at += used;
    used = 0;
  };
  for (const row of table.rows()) {
    encodeRow(row, chunk, used);
    prefixes[index] = row.key[0];
    index += 1;
    used += ROW;
    if (used === CHUNK) await flush();
  }
  await flush();
  return crc;
}

/**
 * Opens the run file of a sealed segment when each byte of it is what was written, and it was written for the segment as it is.
 *
 * @returns the runs, or why there are none.
 */
export async function openRunFile(disk: Disk, sealed: SealedSegment): Promise<OpenedRuns | string> {
  let file: DiskFile;
  try {
    file = await disk.open(runFilePath(sealed.segment.path), 'read');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? 'missing' : message;
  }
  try {
    const opened = await read(file, sealed);
    if (typeof opened === 'string') await file.close();
    return opened;
  } catch (error) {
    await file.close();
    return error instanceof Error ? error.message : String(error);
  }
}

async function read(file: DiskFile, { segment, chainEnd }: SealedSegment): Promise<OpenedRuns | string> {
  const head = Buffer.alloc(HEADER);
  await file.read(head, 0);
  const content = decodeHeader(head, segment);
  if (typeof content === 'string') return content;
  if (!content.chainEnd.equals(chainEnd)) return 'it belongs to another segment';
  const { rows, metadataBytes } = content;
  if ((await file.size()) !== HEADER + rows * ROW + metadataBytes) return 'its length';
  const prefixes = new Uint32Array(rows);
  const chunk = Buffer.allocUnsafe(Math.min(CHUNK, rows * ROW));
  let crc = 0;
  for (let index = 0; index < rows; ) {
    const bytes = chunk.subarray(0, Math.min(chunk.length, (rows - index) * ROW));
    if ((await file.read(bytes, HEADER + index * ROW)) < bytes.length) return 'its length';
    crc = crc32(bytes, crc);
    for (let at = 0; at < bytes.length; at += ROW, index++) prefixes[index] = bytes.readUInt32BE(at);
  }
  const json = Buffer.alloc(metadataBytes);
  await file.read(json, HEADER + rows * ROW);
  if (crc32(json, crc) !== content.crc) return 'its checksum';
  const metadata = JSON.parse(json.toString('utf8')) as OpenedRuns['metadata'];
  const { end, lastBatch } = content;
  return { runs: new RunFile(segment.number, file, prefixes), metadata, end, lastBatch };
}

function encodeHeader(segment: Segment, content: Content): Buffer {
  const bytes = Buffer.alloc(HEADER);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt16LE(VERSION, 4);
  bytes.writeUInt32LE(segmentMark(segment), 8);
  bytes.writeUInt32LE(content.rows, 12);
  bytes.writeUInt32LE(content.metadataBytes, 16);
  bytes.writeDoubleLE(content.end, 20);
  bytes.writeDoubleLE(content.lastBatch, 28);
  bytes.set(content.chainEnd, 36);
  bytes.writeUInt32LE(content.crc, 36 + HASH_LENGTH);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, HEADER - 4)), HEADER - 4);
  return bytes;
}

function decodeHeader(bytes: Buffer, segment: Segment): Content | string {
  if (bytes.readUInt32LE(0) !== MAGIC) return 'its first bytes';
  if (crc32(bytes.subarray(0, HEADER - 4)) !== bytes.readUInt32LE(HEADER - 4)) return 'its header';
  if (bytes.readUInt16LE(4) !== VERSION) return 'another version';
  if (bytes.readUInt32LE(8) !== segmentMark(segment)) return 'it belongs to another segment';
  return {
    rows: bytes.readUInt32LE(12),
    metadataBytes: bytes.readUInt32LE(16),
    end: bytes.readDoubleLE(20),
    lastBatch: bytes.readDoubleLE(28),
    chainEnd: bytes.subarray(36, 36 + HASH_LENGTH),
    crc: bytes.readUInt32LE(36 + HASH_LENGTH),
  };
}

/** Tells a segment from every other one, and from itself before it was compacted. */
function segmentMark({ header }: Segment): number {
  return crc32(encodeSegmentHeader({ ...header, chainEnd: header.compacted ? header.chainEnd : NO_HASH }));
}

function encodeRow({ key, first, last, offset }: RunRow, into: Buffer, at: number): void {
  writeKey(key, into, at);
  into.writeDoubleLE(first, at + KEY_LENGTH);
  into.writeDoubleLE(last, at + KEY_LENGTH + 8);
  into.writeUInt32LE(offset, at + KEY_LENGTH + 16);
  into.writeUInt32LE(crc32(into.subarray(at, at + ROW_CRC)), at + ROW_CRC);
}

function decodeRow(bytes: Buffer, at: number): RunRow {
  return {
    key: readKey(bytes, at),
    first: bytes.readDoubleLE(at + KEY_LENGTH),
    last: bytes.readDoubleLE(at + KEY_LENGTH + 8),
    offset: bytes.readUInt32LE(at + KEY_LENGTH + 16),
  };
}
