/** What a command's exit code says; every `--help` lists those that the command uses. */
export const EXIT = {
  OK: 0,
  FAILURE: 1,
  USAGE: 2,
  CONFIGURATION: 3,
  DAMAGE: 4,
  UNREACHABLE: 5,
} as const;

export type ExitName = keyof typeof EXIT;

const MEANING: Readonly<Record<ExitName, string>> = {
  OK: 'success',
  FAILURE: 'failure; the message says which',
  USAGE: 'wrong arguments',
  CONFIGURATION: 'the configuration, or a file that it names, cannot be used',
  DAMAGE: 'the log is damaged, or a check failed',
  UNREACHABLE: 'the server or the database cannot be reached',
};

/** The paragraph of `--help` about exit codes: success, failure, wrong usage, and the named ones. */
export function exitCodes(...extra: readonly ExitName[]): string {
  const names: readonly ExitName[] = ['OK', 'FAILURE', 'USAGE', ...extra];
  return ['Exit codes:', ...names.map((name) => `  ${EXIT[name]}  ${MEANING[name]}`)].join('\n');
}

const BY_CODE: Readonly<Record<string, number>> = {
  CONFIG_INVALID: EXIT.CONFIGURATION,
  SECRET_FILE_EXPOSED: EXIT.CONFIGURATION,
  SECRET_FILE_INVALID: EXIT.CONFIGURATION,
  SECRET_FILE_UNREADABLE: EXIT.CONFIGURATION,
  SERVER_KEYS_FOREIGN: EXIT.CONFIGURATION,
  SERVER_KEYS_MISSING: EXIT.CONFIGURATION,
  NOISE_KEYS_INVALID: EXIT.CONFIGURATION,
  TLS_IDENTITY_INVALID: EXIT.CONFIGURATION,
  LOG_CORRUPT: EXIT.DAMAGE,
  LOG_LOST: EXIT.DAMAGE,
  LOG_MALFORMED_EVENT: EXIT.DAMAGE,
  LOG_VERSION: EXIT.CONFIGURATION,
  DATABASE_NEWER: EXIT.CONFIGURATION,
  REGISTRATION_INVALID: EXIT.USAGE,
  CLIENT_OPTIONS: EXIT.USAGE,
  CLIENT_TRANSPORT: EXIT.UNREACHABLE,
  CLIENT_TIMEOUT: EXIT.UNREACHABLE,
  CLIENT_TLS: EXIT.UNREACHABLE,
  CLIENT_HTTP: EXIT.UNREACHABLE,
  POSTGRES_UNAVAILABLE: EXIT.UNREACHABLE,
  ECONNREFUSED: EXIT.UNREACHABLE,
  ECONNRESET: EXIT.UNREACHABLE,
  EHOSTUNREACH: EXIT.UNREACHABLE,
  ENETUNREACH: EXIT.UNREACHABLE,
  ENOTFOUND: EXIT.UNREACHABLE,
  ETIMEDOUT: EXIT.UNREACHABLE,
};

/** Something that a command says itself, with its exit code. */
export class CommandError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The exit code of an error that ended a command. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommandError) return error.exitCode;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return BY_CODE[code] ?? EXIT.FAILURE;
}
