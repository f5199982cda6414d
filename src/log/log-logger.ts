/** What the log says to the operator; fields are for machines. */
export interface LogLogger {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export const silentLogger: LogLogger = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
