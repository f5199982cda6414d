import { chmod, lstat, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { clearTimeout, setTimeout } from 'node:timers';
import type { Accounts } from '../actors/accounts/accounts.ts';
import { CommuCatError } from '../protocol/frames/errors.ts';
import { isJsonObject, type JsonObject, parseJson, stringifyJson } from '../protocol/json/json.ts';
import type { Logger } from '../telemetry/index.ts';
import { parseRegistration, RegistrationError, register } from './registration.ts';

/** Bytes of the longest request. */
const MAX_BODY = 65_536;
/** Milliseconds that a request, or its answer, may take. */
const TIMEOUT = 10_000;
/** Milliseconds for answers that are under way when the server ends. */
const CLOSING = 2_000;
/** Bytes of a socket's path that every Unix takes. */
const MAX_PATH = 103;
const OWNER_ONLY = 0o600;

export interface ControlSocketOptions {
  readonly dataDir: string;
  readonly accounts: Accounts;
  readonly logger: Logger;
}

/** Where the server that owns a data folder takes orders from its operator. */
export function controlSocketPath(dataDir: string): string {
  return join(dataDir, 'control.sock');
}

/** Why a server of this folder has no control socket; `undefined`: it has one. */
export function controlSocketProblem(dataDir: string): string | undefined {
  const path = controlSocketPath(dataDir);
  const length = Buffer.byteLength(path);
  if (length <= MAX_PATH) return undefined;
  return `${path} is too long for a socket (${length} bytes of at most ${MAX_PATH}): to register users, stop the server first, or give it a data folder with a shorter path`;
}

/**
 * Opens the operator's door: HTTP with JSON bodies on a Unix socket of mode 0600, `POST /register` only. It exists
 * because one process writes the log: commands that change something ask that process. Whoever calls this holds the
 * log's lock, so that a socket which lies there was left by a process that is gone.
 */
export async function openControlSocket(options: ControlSocketOptions): Promise<AsyncDisposable> {
  const { dataDir, logger } = options;
  const path = controlSocketPath(dataDir);
  const tooLong = controlSocketProblem(dataDir);
  if (tooLong !== undefined) {
    logger.warn({ path }, tooLong);
    return { [Symbol.asyncDispose]: async () => undefined };
  }
  await removeLeftOver(path);
  const server = createServer({ requestTimeout: TIMEOUT }, (incoming, answer) => {
    void serve(options, incoming, answer);
  });
  const silent = silentConnections(server);
  await listen(server, path);
  await chmod(path, OWNER_ONLY);
  return {
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // Who has asked already gets the answer. Who has connected and asked nothing is not waited for.
      for (const socket of silent) socket.destroy();
      const cutOff = setTimeout(() => server.closeAllConnections(), CLOSING);
      await closed;
      clearTimeout(cutOff);
    },
  };
}

/** The connections of which no request has come. For Node.js they are not idle before their first one. */
function silentConnections(server: Server): ReadonlySet<Socket> {
  const silent = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });
  server.on('request', ({ socket }: IncomingMessage) => silent.delete(socket));
  return silent;
}

async function removeLeftOver(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  // Anything but a socket is not ours to remove: listening fails on it, and says so.
  if (found?.isSocket() === true) await rm(path);
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // The socket is bound within `listen`: no moment in which others could open it.
    const umask = process.umask(0o177);
    try {
      server.listen(path, resolve);
    } finally {
      process.umask(umask);
    }
  });
}

async function serve(
  { accounts, logger }: ControlSocketOptions,
  incoming: IncomingMessage,
  answer: ServerResponse,
): Promise<void> {
  try {
    if (incoming.method !== 'POST' || incoming.url !== '/register') {
      reply(answer, 404, { error: 'NOT_FOUND', detail: 'this socket knows POST /register' });
      return;
    }
    const registration = parseRegistration(parseJson(await readBody(incoming)));
    const { user, before } = await register(accounts, registration);
    const said = before ? 'the operator asked for what is registered already' : 'registered by the operator';
    logger.info({ user: user.id, device: registration.device?.id }, said);
    const { id, handle, displayName, avatarUrl } = user;
    const body = { user_id: id, handle, display_name: displayName, avatar_url: avatarUrl };
    reply(answer, before ? 200 : 201, body);
  } catch (error) {
    const known = error instanceof CommuCatError;
    if (!known) logger.error({ err: error }, 'a request on the control socket failed');
    reply(answer, statusOf(error), {
      error: known ? error.code : 'INTERNAL',
      detail: known ? error.message : 'see the log of the server',
    });
  }
}

function statusOf(error: unknown): number {
  if (error instanceof RegistrationError) return error.code === 'REGISTRATION_TAKEN' ? 409 : 400;
  if (!(error instanceof CommuCatError)) return 500;
  return error.code.startsWith('LOG_') ? 503 : 400;
}

async function readBody(incoming: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of incoming) {
    length += chunk.length;
    if (length > MAX_BODY) throw new RegistrationError('REGISTRATION_INVALID', `more than ${MAX_BODY} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function reply(answer: ServerResponse, status: number, body: JsonObject): void {
  answer.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  answer.end(stringifyJson(body));
}

async function readAnswer(answer: IncomingMessage): Promise<ControlAnswer> {
  const value = parseJson(await readBody(answer));
  return { status: answer.statusCode ?? 0, body: isJsonObject(value) ? value : {} };
}

export interface ControlAnswer {
  readonly status: number;
  readonly body: JsonObject;
}

/** The server took a request and its answer did not come: it may have done what was asked, or still do it. */
export class ControlUnanswered extends CommuCatError {
  constructor(message: string, cause?: unknown) {
    super('CONTROL_UNANSWERED', message, { cause });
  }
}

/**
 * Sends one request to the server that owns a data folder.
 * @returns `undefined` when no server listens there
 * @throws ControlUnanswered
 */
export function askControlSocket(
  dataDir: string,
  path: string,
  body: JsonObject,
): Promise<ControlAnswer | undefined> {
  return new Promise((resolve, reject) => {
    const socketPath = controlSocketPath(dataDir);
    if (controlSocketProblem(dataDir) !== undefined) {
      resolve(undefined);
      return;
    }
    const headers = { 'content-type': 'application/json' };
    const asking = request({ socketPath, path, method: 'POST', headers, timeout: TIMEOUT }, (answer) => {
      readAnswer(answer).then(resolve, (cause: unknown) => reject(unanswered(cause)));
    });
    asking.on('timeout', () => {
      const silence = `the server has not answered on its control socket for ${TIMEOUT / 1000} s`;
      asking.destroy(new ControlUnanswered(silence));
    });
    asking.on('error', (error: NodeJS.ErrnoException) => {
      // Nothing there, or what a killed server has left behind.
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined);
      else reject(error.syscall === 'connect' ? error : unanswered(error));
    });
    asking.end(stringifyJson(body));
  });
}

/** A server that has ended or was killed, or what it said is cut off. */
function unanswered(cause: unknown): ControlUnanswered {
  if (cause instanceof ControlUnanswered) return cause;
  return new ControlUnanswered('the server took the request and went away without an answer', cause);
}
