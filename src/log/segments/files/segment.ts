import { join } from 'node:path';
import { LogError } from '../../log-error.ts';
import { RETENTION_CLASSES, type RetentionClass } from '../../retention.ts';
import type { Disk, DiskFile, OpenMode } from '../disk/disk.ts';
import { decodeSegmentHeader, FORMAT_VERSION, SEGMENT_HEADER, type SegmentHeader } from './format.ts';

const NAME = /^(facts|journal|mail)-(\d{10})\.seg$/;

export function segmentPath(directory: string, family: RetentionClass, number: number): string {
  return join(directory, `${family}-${String(number).padStart(10, '0')}.seg`);
}

/** Undefined for other files. */
export function parseSegmentName(name: string): { family: RetentionClass; number: number } | undefined {
  const match = NAME.exec(name);
  const family = RETENTION_CLASSES.find((candidate) => candidate === match?.[1]);
  return family === undefined ? undefined : { family, number: Number(match?.[2]) };
}

/** Numbers of the segments of a family, ascending. */
export async function listSegments(disk: Disk, directory: string, family: RetentionClass): Promise<number[]> {
  const numbers: number[] = [];
  for (const name of await disk.list(directory)) {
    const parsed = parseSegmentName(name);
    if (parsed?.family === family) numbers.push(parsed.number);
  }
  return numbers.sort((a, b) => a - b);
}

/** One open segment file. It stays open until the last reader has released it, also when it was dropped or replaced. */
export class Segment {
  readonly path: string;
  readonly file: DiskFile;
  readonly header: SegmentHeader;
  /** Behind the last durable batch; Infinity: sealed before this process started and not scanned. */
  end: number;
  /** Where the last durable batch starts; 0: there is none. */
  lastBatch = 0;
  /** Live events; only counted for mail. */
  live = 0;
  /** All events; only counted for mail. */
  events = 0;
  /** Streams whose newest record is here; only counted for mail. */
  newestOf = 0;
  #readers = 1;

  constructor(path: string, file: DiskFile, header: SegmentHeader, end: number) {
    this.path = path;
    this.file = file;
    this.header = header;
    this.end = end;
  }

  get number(): number {
    return this.header.number;
  }

  retain(): void {
    this.#readers += 1;
  }

  async release(): Promise<void> {
    this.#readers -= 1;
    if (this.#readers === 0) await this.file.close();
  }
}

/** Undefined when the header is no header: a segment that was never begun, or damage. @throws LogError `LOG_VERSION` */
export async function openSegment(disk: Disk, path: string, mode: OpenMode): Promise<Segment | undefined> {
  const file = await disk.open(path, mode);
  const bytes = Buffer.alloc(SEGMENT_HEADER);
  const got = await file.read(bytes, 0);
  const header = decodeSegmentHeader(bytes.subarray(0, got));
  if (header !== undefined && header.version <= FORMAT_VERSION) {
    return new Segment(path, file, header, header.compacted ? header.contentEnd : Number.POSITIVE_INFINITY);
  }
  await file.close();
  if (header === undefined) return undefined;
  throw new LogError(
    'LOG_VERSION',
    `${path} has format version ${header.version}, this program reads up to ${FORMAT_VERSION}: use a newer one`,
  );
}
