/** What the projections use of a logger; pino has this shape. */
export interface ProjectionLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Measurements; the metric table gives them their names. */
export interface ProjectionMetrics {
  /** A projection stopped at an event (`poison`), or the database failed and all of them wait (`outage`). */
  failure(kind: 'poison' | 'outage'): void;
  /** The rows of a projection were dropped, to be built again. */
  rebuilt(reason: 'version' | 'epoch' | 'ahead' | 'anchor'): void;
  /** A batch was written: seconds that its transactions took. */
  written(seconds: number): void;
}
