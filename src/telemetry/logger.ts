import { createHash } from 'node:crypto';
import { type DestinationStream, pino } from 'pino';
import { LogOutput } from './log-output.ts';

type Write = (fields: object, message: string) => void;

/** Structured JSON lines: fields first, then a message that is always the same for the same kind of event. */
export interface Logger {
  readonly trace: Write;
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
  readonly fatal: Write;
  /** A logger that adds these fields to each line. */
  child(fields: Readonly<Record<string, unknown>>): Logger;
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Takes complete lines. @default standard output, as Node.js writes to it */
  readonly destination?: DestinationStream;
}

/** Names of fields whose values never belong in a log. The net under the rule that nobody logs them. */
const SECRET_FIELDS = [
  'token',
  'sessionToken',
  'session_token',
  'authorization',
  'cookie',
  'password',
  'secret',
  'seed',
  'federationSeed',
  'federation_seed',
  'privateKey',
  'private_key',
  'noisePrivate',
  'noise_private',
  'private',
  'postgresDsn',
  'postgres_dsn',
  'dsn',
];

export function createLogger(options: LoggerOptions): Logger {
  const { destination = process.stdout } = options;
  const logger = pino(
    {
      level: options.level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
        censor: '[secret]',
      },
      messageKey: 'message',
    },
    destination,
  );
  if (destination instanceof LogOutput) {
    destination.onRecovery((lines) => logger.error({ lines }, 'lines of this log were lost here'));
  }
  return logger;
}

/**
 * A session's name in logs and metrics: the first 64 bits of the SHA-256 of its token, in hex. The token itself opens
 * the REST API and is never logged.
 */
export function sessionTag(sessionToken: string): string {
  return createHash('sha256').update(sessionToken).digest('hex').slice(0, 16);
}
