import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { CommandError, EXIT } from '../kit/exit-codes.ts';
import { linesOf } from '../kit/lines-of.ts';
import type { DevReady } from '../server/dev-server.ts';

export interface ChildServerOptions {
  /** Root of the package. */
  readonly root: string;
  readonly data: string;
}

/** `commucat dev` in a process of its own, which can be killed and started again on the same data and port. */
export class ChildServer implements AsyncDisposable {
  readonly #options: ChildServerOptions;
  #child: ChildProcess | undefined;
  #complaints = '';
  #port = 0;

  constructor(options: ChildServerOptions) {
    this.#options = options;
  }

  /** Starts it and waits until it accepts connections. */
  async start(): Promise<DevReady> {
    const { root, data } = this.#options;
    const program = join(root, 'bin', 'commucat.js');
    const where = ['--data', data, '--port', String(this.#port)];
    const args = [program, 'dev', '--json', ...where, '--set', 'storage.postgres_dsn=none'];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env: environment() });
    this.#child = child;
    child.stderr.on('data', (chunk: Buffer) => {
      this.#complaints = (this.#complaints + chunk.toString()).slice(-4096);
    });
    const ready = await this.#firstLine(child);
    this.#port = Number(new URL(ready.url).port);
    return ready;
  }

  /** What it wrote to stderr, its newest 4 KiB. */
  get complaints(): string {
    return this.#complaints;
  }

  /** SIGKILL: it gets no chance to save anything. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGTERM: it closes in order. Returns its exit code. */
  async stop(): Promise<number | null> {
    return this.#end('SIGTERM');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end('SIGKILL');
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return null;
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill(signal);
      await exited;
    }
    return child.exitCode;
  }

  async #firstLine(child: ChildProcess): Promise<DevReady> {
    if (child.stdout === null) throw new TypeError('the child has a pipe for its output');
    for await (const line of linesOf(child.stdout)) return JSON.parse(line) as DevReady;
    throw new CommandError(EXIT.FAILURE, `the server did not start:\n${this.#complaints}`);
  }
}

/** Settings of this shell are meant for other servers. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('COMMUCAT_')));
}
