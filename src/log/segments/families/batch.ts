import { RECORD_HEADER } from '../../append-check.ts';
import type { Appended, NewEvent } from '../../event-log.ts';
import { LogError } from '../../log-error.ts';
import { BATCH_HEADER, RECORD_EVENT, RECORD_HEAD, RECORD_NAME, sealBatch } from '../files/format.ts';
import type { StreamEntry } from '../index/stream-entry.ts';

const FIRST_CAPACITY = 64 * 1024;
/** A reused buffer that grew beyond this is given back. */
const KEPT_CAPACITY = 4 * 1024 * 1024;
const TWO_32 = 0x1_0000_0000;
/** Names that a batch can number. */
export const MAX_BATCH_NAMES = 0xffff;

export interface Waiter {
  readonly appended: readonly Appended[];
  readonly resolve: (appended: readonly Appended[]) => void;
  readonly reject: (error: unknown) => void;
}

/** The name of an event type. */
export class TypeName {
  readonly name: string;
  /** Token of the batch that has this name in its table, and the number it has there. */
  batch: object | undefined;
  batchId = 0;

  constructor(name: string) {
    this.name = name;
  }
}

/** A batch that is being collected: its records are encoded in place, so that flushing it is one write. */
export class Batch {
  /** Streams in the order of their first revision here; a stream that comes twice has two entries. */
  readonly streams: StreamEntry[] = [];
  readonly firstRevisions: number[] = [];
  readonly counts: number[] = [];
  readonly waiters: Waiter[] = [];
  /** A new one after each reset: tells names of this batch from those of an earlier one in the same buffer. */
  token: object = {};
  names = 0;
  records = 0;
  firstPosition = 0;
  lastPosition = 0;
  recordedAt = 0;
  length = BATCH_HEADER;
  #bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_CAPACITY);
  #view = new DataView(this.#bytes.buffer);

  get isEmpty(): boolean {
    return this.records === 0;
  }

  /** Forgets everything but the buffer. */
  reset(): void {
    this.token = {};
    this.streams.length = 0;
    this.firstRevisions.length = 0;
    this.counts.length = 0;
    this.waiters.length = 0;
    this.names = 0;
    this.records = 0;
    this.firstPosition = 0;
    this.lastPosition = 0;
    this.length = BATCH_HEADER;
    if (this.#bytes.length > KEPT_CAPACITY) this.#grow(FIRST_CAPACITY);
  }

  /** The sealed batch; valid until `reset`. */
  seal(previousHash: Buffer): { readonly bytes: Buffer; readonly hash: Buffer } {
    const bytes = this.#bytes.subarray(0, this.length);
    return { bytes, hash: sealBatch(bytes, this, previousHash) };
  }

  /** A copy of the sealed batch. */
  copy(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.length));
  }

  /** Notes that `count` events of the stream follow, the first with this revision. */
  begin(stream: StreamEntry, firstRevision: number, count: number): void {
    this.streams.push(stream);
    this.firstRevisions.push(firstRevision);
    this.counts.push(count);
    if (stream.batch !== this.token) {
      stream.batch = this.token;
      stream.batchId = this.#define(stream.name);
    }
  }

  add(stream: StreamEntry, type: TypeName, revision: number, position: number, event: NewEvent): void {
    if (type.batch !== this.token) {
      type.batch = this.token;
      type.batchId = this.#define(type.name);
    }
    const { data } = event;
    const start = this.#record(RECORD_EVENT, position, revision, stream.batchId, type.batchId, data.length);
    this.#bytes.set(data, start);
  }

  /** Carries the last revision of a stream whose events are all gone. */
  addHead(stream: StreamEntry, position: number): void {
    this.begin(stream, stream.durable, 0);
    this.#record(RECORD_HEAD, position, stream.durable, stream.batchId, 0, 0);
  }

  /** Adds a record as it was found in another batch. */
  addRaw(stream: StreamEntry, type: TypeName, revision: number, position: number, data: Uint8Array): void {
    if (stream.batch !== this.token) this.begin(stream, revision, 1);
    this.add(stream, type, revision, position, { type: '', data });
  }

  #define(name: string): number {
    const id = this.names;
    if (id >= MAX_BATCH_NAMES) throw new LogError('LOG_INVALID', 'too many names in one batch');
    this.names += 1;
    const start = this.#record(RECORD_NAME, this.lastPosition, 0, id, 0, Buffer.byteLength(name));
    this.#bytes.write(name, start);
    return id;
  }

  /** Writes a record's header; returns where its data starts. */
  #record(kind: number, position: number, revision: number, id: number, type: number, size: number): number {
    const start = this.length;
    const length = RECORD_HEADER + size;
    if (start + length > this.#bytes.length) this.#grow(Math.max(this.#bytes.length * 2, start + length));
    if (kind !== RECORD_NAME) {
      if (this.firstPosition === 0) this.firstPosition = position;
      this.lastPosition = position;
    }
    this.records += 1;
    const view = this.#view;
    const high = Math.floor(revision / TWO_32);
    view.setUint32(start, length, true);
    view.setUint32(start + 4, kind === RECORD_NAME ? 0 : position - this.firstPosition, true);
    view.setUint32(start + 8, revision - high * TWO_32, true);
    view.setUint16(start + 12, high, true);
    view.setUint16(start + 14, id, true);
    view.setUint16(start + 16, type, true);
    view.setUint16(start + 18, kind, true);
    this.length = start + length;
    return start + RECORD_HEADER;
  }

  #grow(capacity: number): void {
    const bytes = Buffer.allocUnsafeSlow(capacity);
    bytes.set(this.#bytes.subarray(0, this.length));
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}
