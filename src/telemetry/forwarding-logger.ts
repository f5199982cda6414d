import { stdSerializers } from 'pino';
import type { Logger, LogLevel } from './logger.ts';

type WrittenLevel = Exclude<LogLevel, 'silent'>;

/** A line on its way to the thread that writes it, as plain data. */
export interface LogLine {
  readonly level: WrittenLevel;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

const LEVELS: readonly WrittenLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

/** A logger for a thread that leaves the writing, and the hiding of secrets, to another thread's logger. */
export function createForwardingLogger(level: LogLevel, forward: (line: LogLine) => void): Logger {
  return loggerWith(level, forward, {});
}

function loggerWith(
  level: LogLevel,
  forward: (line: LogLine) => void,
  bound: Readonly<Record<string, unknown>>,
): Logger {
  const lowest = level === 'silent' ? LEVELS.length : LEVELS.indexOf(level);
  const write = (own: WrittenLevel) => (fields: object, message: string) => {
    if (LEVELS.indexOf(own) >= lowest) {
      forward({ level: own, fields: { ...bound, ...withoutErrors(fields) }, message });
    }
  };
  return {
    trace: write('trace'),
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    fatal: write('fatal'),
    child: (fields) => loggerWith(level, forward, { ...bound, ...fields }),
  };
}

/** Errors lose their codes, and sometimes themselves, between threads. */
function withoutErrors(fields: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, value instanceof Error ? plainError(value) : value]),
  );
}

function plainError(error: Error): object {
  const { raw: _, ...plain } = stdSerializers.err(error);
  return { ...plain, name: plain.type };
}

/** Writes a line that another thread has forwarded. */
export function writeForwarded(logger: Logger, { level, fields, message }: LogLine): void {
  const { err } = fields;
  // A serialiser takes the name of the class for the type of an error, unless there is no class.
  if (typeof err === 'object' && err !== null) Object.setPrototypeOf(err, null);
  logger[level](fields, message);
}
