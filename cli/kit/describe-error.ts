/** What the codes of the system's errors about files mean, and what to do. */
const FILE_ERRORS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied: run this as the user that owns it, or change its mode',
  EPERM: 'not permitted: run this as the user that owns it',
  EROFS: 'the file system is read-only: mount it writable, or name another folder',
  ENOENT: 'there is no such file: check the path',
  ENOTDIR: 'a part of the path is no folder: check the path',
  EISDIR: 'it is a folder: name a file in it',
  EEXIST: 'it exists already: name another one',
  ELOOP: 'its symbolic links go in a circle: name the file itself',
  ENAMETOOLONG: 'the path is too long: name a shorter one',
  ENOSPC: 'the disk is full: make room, then try again',
  EDQUOT: 'the disk quota is used up: make room or raise it, then try again',
  EIO: 'the disk reports a fault: look at the log of the system, and save a copy of the files first',
  EMFILE: 'this process has too many open files: raise its limit (ulimit -n)',
  ENFILE: 'this machine has too many open files: end programs that hold many',
};

const ANOTHER_ADDRESS = 'end the program that has it, or choose another address (server.bind, --port)';
const WAY = 'is the address right, and is a firewall in between?';
const OTHER_AUTHORITY =
  'ask the operator of the server whether its keys were replaced; if they were, the device needs a new file, and an account: commucat register HANDLE --new-device FILE';

/** What to do about an error whose message only says what is the case, by its code. */
const ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: ANOTHER_ADDRESS,
  EADDRNOTAVAIL: 'it is no address of this machine: choose one that is (server.bind)',
  ECONNREFUSED: 'nobody listens there: is the program running, and is the port right?',
  ECONNRESET: 'the other side broke the connection off: look at its log, or at the proxy in between',
  EHOSTUNREACH: WAY,
  ENETUNREACH: WAY,
  ETIMEDOUT: WAY,
  ENOTFOUND: 'nobody knows this name: check its spelling',
  EAI_AGAIN: 'names cannot be looked up now: check the network of this machine',
  CLIENT_PAIRING_REQUIRED:
    'an operator pairs it with an account: commucat register HANDLE --new-device FILE, then chat --device FILE',
  CLIENT_DEVICE_TAKEN: 'use the file that holds its key (--device), or another device id (--as)',
  CLIENT_SERVER_KEY: 'compare --server-static and --domain with what the operator of the server says',
  CLIENT_TLS: 'give the certificate of its authority (--ca)',
  CLIENT_CERTIFICATE: OTHER_AUTHORITY,
  CLIENT_HANDSHAKE_REFUSED: 'the log of the server says why',
  CLIENT_PROTOCOL: 'is it a CommuCat server, and is nothing in between that changes what it says?',
  CLIENT_REPLACED: 'the device is in use elsewhere: end the other program, or use another device',
  CLIENT_REVOKED: 'it cannot come back: use another device',
  CLIENT_TIMEOUT: WAY,
  CLIENT_STORE: 'the file of the device is needed as it was: repair it, or restore a copy',
  TLS_IDENTITY_INVALID: 'server.tls_cert and server.tls_key name PEM files that belong together',
  LOG_CORRUPT:
    'stop the server, keep a copy of the files; commucat log verify says where, a backup brings back the rest',
  LOG_LOCKED: 'stop that server, or name another data folder (--data)',
  POSTGRES_UNAVAILABLE:
    'name another database in storage.postgres_dsn, or "none"; messages flow without read models',
  PROJECTIONS_BUSY: 'stop the other server first',
  // PostgreSQL's own codes.
  '28P01': 'check user and password in storage.postgres_dsn',
  '28000': 'check user and password in storage.postgres_dsn, and what pg_hba.conf allows',
  '3D000': 'create the database, or name another one in storage.postgres_dsn',
  '42501': 'give its user the right to create tables in the database',
  '53300': 'raise max_connections of the database, or end what holds its connections',
  '57P03': 'the database is starting or stopping: try again',
};

/** The texts of PROTOCOL.md 3.12 that say more than their code. */
const REFUSALS: Readonly<Record<string, string>> = {
  'crypto failure': OTHER_AUTHORITY,
  'storage failure': 'the server cannot write now: try again later; its operator looks at its disk',
};

const MOST_PARTS = 4;

/** What the terminal shows of an error: its message and those of its causes, and what to do, without any stack. */
export function describeError(error: unknown): string {
  const advice = adviceOn(error);
  const words = errorWords(error);
  return advice === undefined ? words : `${words}; ${advice}`;
}

/** The message of an error and those of its causes. */
export function errorWords(error: unknown): string {
  const parts: string[] = [];
  for (const at of chainOf(error)) {
    const text = textOf(at, parts);
    if (parts.length < MOST_PARTS && !parts.some((known) => known.includes(text))) parts.push(text);
  }
  return parts.join(': ');
}

/** What to do about an error, or about what caused it. `undefined`: its words say it, or nobody knows. */
export function adviceOn(error: unknown): string | undefined {
  for (const at of chainOf(error)) {
    if (!(at instanceof Error) || !('code' in at)) continue;
    const code = String(at.code);
    if (isAboutPort(at)) return portAdvice(at);
    const refusal = code === 'CLIENT_HANDSHAKE_REFUSED' ? REFUSALS[refusalOf(at) ?? ''] : undefined;
    const advice = refusal ?? ADVICE[code];
    if (advice !== undefined) return advice;
    // Words about files have their advice in them.
    if (FILE_ERRORS[code] !== undefined) return undefined;
  }
  return undefined;
}

/** An error and its causes, of which there may be a circle. */
function chainOf(error: unknown): ReadonlySet<unknown> {
  const chain = new Set<unknown>();
  for (let at = error; at !== undefined && !chain.has(at); at = causeOf(at)) chain.add(at);
  return chain;
}

function causeOf(error: unknown): unknown {
  if (!(error instanceof Error)) return undefined;
  // A name with several addresses: each has failed in its own way, and the first one is the one that is meant.
  if (error instanceof AggregateError && error.message === '') return error.errors[0];
  return error.cause ?? undefined;
}

function textOf(error: unknown, before: string[]): string {
  if (!(error instanceof Error)) return String(error);
  const { code, path } = error as NodeJS.ErrnoException;
  const words = code === undefined ? undefined : FILE_ERRORS[code];
  // Errors of connections name their address, and say enough.
  if (words === undefined || 'address' in error) return wordsOf(error);
  const last = before.at(-1);
  // What quotes only the code is made complete by these words.
  if (last?.endsWith(`: ${code}`)) before[before.length - 1] = last.slice(0, -`: ${code}`.length);
  return path === undefined || before.some((text) => text.includes(path)) ? words : `${path}: ${words}`;
}

function wordsOf(error: Error): string {
  if (error.message !== '') return error.message;
  const [first] = error instanceof AggregateError ? error.errors : [];
  return first instanceof Error ? first.message : error.name;
}

interface PortError extends Error {
  readonly code: unknown;
  readonly address: unknown;
  readonly port?: unknown;
}

/** Whether the system has refused an address for lack of a right. */
function isAboutPort(error: Error): error is PortError {
  return 'address' in error && 'code' in error && error.code === 'EACCES';
}

function portAdvice({ address, port }: PortError): string {
  return typeof port === 'number' && port >= 0
    ? 'ports below 1024 need a right of their own (CAP_NET_BIND_SERVICE): give it, or choose a higher port'
    : `run this as the user that owns the folder of ${String(address)}`;
}

function refusalOf(error: Error): string | undefined {
  const { wire } = error as { readonly wire?: { readonly detail?: unknown } };
  return typeof wire?.detail === 'string' ? wire.detail : undefined;
}
