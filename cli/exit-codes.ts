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

/** What the codes of the system's errors about files mean, and what to do. */
const FILE_ERRORS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied: run this as the user that owns it, or change its mode',
  EPERM: 'not permitted: run this as the user that owns it',
  EROFS: 'the file system is read-only',
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of the path is no folder',
  EISDIR: 'it is a folder',
  ENOSPC: 'the disk is full: make room, then try again',
  EDQUOT: 'the disk quota is used up',
};

/** What to do about an error whose message only says what is the case. */
const ADVICE: Readonly<Record<string, string>> = {
  CLIENT_PAIRING_REQUIRED:
    'an operator pairs it with an account: commucat register HANDLE --new-device FILE, then chat --device FILE',
  CLIENT_DEVICE_TAKEN: 'use the file that holds its key (--device), or another device id (--as)',
  CLIENT_SERVER_KEY: 'compare --server-static and --domain with what the operator of the server says',
  CLIENT_TLS: 'give the certificate of its authority (--ca)',
};

/** What the terminal shows of an error: its message and those of its causes, and what to do, without any stack. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  for (
    let at: unknown = error;
    at !== undefined && parts.length < 4;
    at = (at as { cause?: unknown }).cause
  ) {
    const text = textOf(at, parts);
    if (!parts.some((known) => known.includes(text))) parts.push(text);
    if (!(at instanceof Error)) break;
  }
  const advice = error instanceof Error && 'code' in error ? ADVICE[String(error.code)] : undefined;
  return advice === undefined ? parts.join(': ') : `${parts.join(': ')}; ${advice}`;
}

function textOf(error: unknown, before: string[]): string {
  if (!(error instanceof Error)) return String(error);
  const { code, path } = error as NodeJS.ErrnoException;
  const words = code === undefined ? undefined : FILE_ERRORS[code];
  // Errors of connections name their address, and say enough.
  if (words === undefined || 'address' in error) return error.message || error.name;
  const last = before.at(-1);
  // What quotes only the code is made complete by these words.
  if (last?.endsWith(`: ${code}`)) before[before.length - 1] = last.slice(0, -`: ${code}`.length);
  return path === undefined || before.some((text) => text.includes(path)) ? words : `${path}: ${words}`;
}
