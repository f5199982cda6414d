import { CommuCatError } from '../ports/commucat-error.ts';

/**
 * What went wrong in the log:
 * - `LOG_WRONG_REVISION`: an expected revision does not hold; nothing has changed.
 * - `LOG_UNAVAILABLE`: the disk refused, or too much waits for it; nothing of this append is acknowledged.
 * - `LOG_CLOSED`: the log is closed or closing.
 * - `LOG_LOCKED`: another process writes this log.
 * - `LOG_READ_ONLY`: the log was opened for reading.
 * - `LOG_CORRUPT`: bytes on disk are not what was written; the message names file and offset.
 * - `LOG_LOST`: less is on disk than was durable once; the message says what is missing.
 * - `LOG_VERSION`: the files were written by a newer version.
 * - `LOG_UNKNOWN_EVENT`: no upcaster knows this event type and version.
 * - `LOG_MALFORMED_EVENT`: an event's data does not decode.
 * - `LOG_INVALID`: the caller broke the contract of the port (mixed retention classes, name or data too long).
 */
export type LogErrorCode =
  | 'LOG_WRONG_REVISION'
  | 'LOG_UNAVAILABLE'
  | 'LOG_CLOSED'
  | 'LOG_LOCKED'
  | 'LOG_READ_ONLY'
  | 'LOG_CORRUPT'
  | 'LOG_LOST'
  | 'LOG_VERSION'
  | 'LOG_UNKNOWN_EVENT'
  | 'LOG_MALFORMED_EVENT'
  | 'LOG_INVALID';

export class LogError extends CommuCatError {
  declare readonly code: LogErrorCode;

  constructor(
    code: LogErrorCode,
    message: string,
    options?: { readonly retryable?: boolean; readonly cause?: unknown },
  ) {
    super(code, message, options);
    this.name = 'LogError';
  }
}
