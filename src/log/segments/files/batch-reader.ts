import { RECORD_HEADER } from '../../append-check.ts';
import type { RecordedEvent, StreamName } from '../../event-log.ts';
import { LogError } from '../../log-error.ts';
import { BATCH_HEADER, type BatchHeader, RECORD_NAME } from './format.ts';

const TWO_32 = 0x1_0000_0000;

/**
 * Walks the records of a batch whose checksum was verified. After `next()` returned true the fields tell of the current
 * record; names are resolved, and name definitions are not shown.
 */
export class BatchReader {
  kind = 0;
  position = 0;
  revision = 0;
  stream = '';
  type = '';
  readonly header: BatchHeader;
  readonly #bytes: Buffer;
  readonly #names: string[] = [];
  #offset = BATCH_HEADER;
  #dataStart = 0;

  constructor(bytes: Buffer, header: BatchHeader) {
    this.#bytes = bytes;
    this.header = header;
  }

  /** @throws LogError `LOG_CORRUPT` when lengths or names do not fit: the checksum held, so a writer was wrong. */
  next(): boolean {
    while (this.#offset < this.header.length) {
      const start = this.#offset;
      if (start + RECORD_HEADER > this.header.length) throw malformed();
      const length = this.#bytes.readUInt32LE(start);
      if (length < RECORD_HEADER || start + length > this.header.length) throw malformed();
      this.#offset = start + length;
      this.#dataStart = start + RECORD_HEADER;
      this.kind = this.#bytes.readUInt16LE(start + 18);
      const id = this.#bytes.readUInt16LE(start + 14);
      if (this.kind === RECORD_NAME) {
        this.#names[id] = this.#bytes.toString('utf8', this.#dataStart, this.#offset);
        continue;
      }
      this.position = this.header.firstPosition + this.#bytes.readUInt32LE(start + 4);
      this.revision = this.#bytes.readUInt32LE(start + 8) + this.#bytes.readUInt16LE(start + 12) * TWO_32;
      this.stream = this.#name(id);
      this.type = this.#name(this.#bytes.readUInt16LE(start + 16));
      return true;
    }
    return false;
  }

  /** A view of the current record's data. */
  data(): Buffer {
    return this.#bytes.subarray(this.#dataStart, this.#offset);
  }

  #name(id: number): string {
    const name = this.#names[id];
    if (name === undefined) throw malformed();
    return name;
  }
}

function malformed(): LogError {
  return new LogError('LOG_CORRUPT', 'a batch with a correct checksum holds a malformed record');
}

/** The record that the reader stands on; `data` is a view. */
export function recordedEvent(record: BatchReader): RecordedEvent {
  return {
    position: record.position,
    stream: record.stream as StreamName,
    revision: record.revision,
    type: record.type,
    recordedAt: record.header.recordedAt,
    data: record.data(),
  };
}
