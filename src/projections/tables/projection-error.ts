import { CommuCatError } from '../../ports/commucat-error.ts';

/**
 * What can go wrong with the read models; the relay itself needs none of them:
 * - `POSTGRES_UNAVAILABLE`: the embedded server cannot run here, or did not start or stop.
 * - `DATABASE_NEWER`: a newer release has made the schema of the database.
 * - `PROJECTION_POISONED`: a projection met an event that it cannot turn into rows. It stands still; the others go on.
 * - `PROJECTIONS_BUSY`: another process runs the projections of this database.
 */
export type ProjectionErrorCode =
  | 'POSTGRES_UNAVAILABLE'
  | 'DATABASE_NEWER'
  | 'PROJECTION_POISONED'
  | 'PROJECTIONS_BUSY';

export class ProjectionError extends CommuCatError {
  declare readonly code: ProjectionErrorCode;

  constructor(
    code: ProjectionErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly retryable?: boolean } = {},
  ) {
    super(code, message, options);
  }
}

/** Ends a cycle: `projection` cannot go on, the others can. */
export class PoisonError extends ProjectionError {
  readonly projection: string;

  constructor(projection: string, where: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super('PROJECTION_POISONED', `projection ${projection} stopped ${where}: ${reason}`, { cause });
    this.projection = projection;
  }
}
