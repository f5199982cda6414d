/** Options of every error of the project; `cause` is the error that led to it and never reaches a peer. */
export interface CommuCatErrorOptions {
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

/** The base of all errors that the project throws on purpose. */
export class CommuCatError extends Error {
  /** Stable, upper case, for programs: a test or a metric may rely on it; the message is for people. */
  readonly code: string;
  /** True when the same call may succeed later without a change by the caller. */
  readonly retryable: boolean;

  constructor(code: string, message: string, options: CommuCatErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}
