import type { ExpectedRevision } from './event-log.ts';
import { LogError } from './log-error.ts';

/** Names of streams and event types: UTF-8 bytes. A stream name is also a key of the index, whose keys are short. */
export const MAX_NAME_BYTES = 512;
/** A letter carries at most one frame of 16 MiB. */
export const MAX_EVENT_BYTES = 17 * 1024 * 1024;
/** Bytes of the head of a record: an event, or the name of a stream or type. */
export const RECORD_HEADER = 20;
/** The event's own head, and those of the names of its stream and its type. */
const EVENT_HEADS = 3 * RECORD_HEADER;
/** UTF-8 bytes of one UTF-16 unit, at most. */
const UTF8_UNIT = 3;

/** Bytes that an event takes in an append, at most: what `EventLog.appendLimit` is compared with. */
export function eventCost(stream: string, type: string, dataLength: number): number {
  return EVENT_HEADS + (stream.length + type.length) * UTF8_UNIT + dataLength;
}

/** Streams with this first character are the log's own. */
export const RESERVED = '$';

/** @throws LogError `LOG_WRONG_REVISION` */
export function checkExpectedRevision(stream: string, expected: ExpectedRevision, last: number): void {
  if (expected === 'any' || (expected === 'no-stream' ? last === -1 : last === expected)) return;
  throw new LogError('LOG_WRONG_REVISION', `stream ${stream} is at revision ${last}, expected ${expected}`);
}
