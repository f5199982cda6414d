import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { DevReady } from '../../cli/server/dev-server.ts';
import { temporaryFolder } from './temporary-folder.ts';

const CHILD = fileURLToPath(new URL('./server-child.ts', import.meta.url));

/** Not of interest here: read models are rebuilt from the log. */
const WITHOUT = ['storage.postgres_dsn=none', 'security.rate_limit.connect_burst=100000'];

/** A server in a child process that a test may kill and start again on its port with its data. */
export class ServerProcess implements AsyncDisposable {
  readonly directory: string;
  readonly #overrides: readonly string[];
  readonly #flags: readonly string[];
  #child: ChildProcess | undefined;
  #ready: DevReady | undefined;
  #errors = '';

  private constructor(directory: string, overrides: readonly string[], flags: readonly string[]) {
    this.directory = directory;
    this.#overrides = overrides;
    this.#flags = flags;
  }

  /**
   * @param directory default: a temporary one, removed in the end
   * @param flags of Node.js
   */
  static async start(
    overrides: readonly string[] = [],
    directory?: string,
    flags: readonly string[] = [],
  ): Promise<ServerProcess> {
    const folder = directory ?? temporaryFolder('server');
    const server = new ServerProcess(folder, [...WITHOUT, ...overrides], flags);
    try {
      await server.start();
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
    return server;
  }

  get ready(): DevReady {
    if (this.#ready === undefined) throw new Error('the server was never ready');
    return this.#ready;
  }

  get port(): number {
    return Number(new URL(this.ready.url).port);
  }

  /** Of the process that runs now. */
  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('the server does not run');
    return pid;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get ca(): Buffer {
    return readFileSync(this.ready.ca_file);
  }

  get logDirectory(): string {
    return join(this.directory, 'log');
  }

  /** What the server wrote to its standard error, which holds its log. */
  get errors(): string {
    return this.#errors;
  }

  async start(): Promise<void> {
    const port = this.#ready === undefined ? 0 : this.port;
    const args = [...this.#flags, '--import', 'tsx', CHILD, this.directory, String(port), ...this.#overrides];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    const exited = once(child, 'exit').then(() => {
      throw new Error(`the server did not start:\n${this.#errors}`);
    });
    const lines = createInterface({ input: child.stdout ?? process.stdin });
    const [line] = (await Promise.race([once(lines, 'line'), exited])) as [string];
    exited.catch(() => undefined);
    this.#ready = JSON.parse(line) as DevReady;
  }

  /** SIGKILL: nothing is flushed, nobody is told. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGTERM. Returns the exit code. */
  async stop(): Promise<number | null> {
    return this.#end('SIGTERM');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Resolves when the server has ended by itself. */
  async exited(): Promise<number | null> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      await once(child, 'exit');
    }
    return child?.exitCode ?? null;
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
      return child?.exitCode ?? null;
    }
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
    return child.exitCode;
  }
}
