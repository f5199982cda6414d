import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

/** By text of the shipped file, which must occur: what stands there for the test. */
export type Substitutions = Readonly<Record<string, string>>;

export interface ProxyProgram {
  readonly program: string;
  readonly args: readonly string[];
  /** Removed in the end. */
  readonly folder: string;
  /** It runs until then. */
  readonly end: 'SIGTERM' | 'SIGKILL';
}

/** Whether the program is on this machine. */
export function isInstalled(program: string): boolean {
  return spawnSync(program, ['-v'], { env: environment(), stdio: 'ignore' }).status === 0;
}

/**
 * A file of `deploy`, in which only addresses and file names are others.
 *
 * @throws Error when a text that is to be replaced does not occur
 */
export function shippedFile(path: string, replace: Substitutions): string {
  let text = readFileSync(fileURLToPath(new URL(`../../deploy/${path}`, import.meta.url)), 'utf8');
  for (const [shipped, substitute] of Object.entries(replace)) {
    if (!text.includes(shipped)) throw new Error(`${path} has no ${JSON.stringify(shipped)}`);
    text = text.replaceAll(shipped, substitute);
  }
  return text;
}

/** A proxy as a process of its own, on a port that is free. */
export class ProxyProcess implements AsyncDisposable {
  readonly port: number;
  readonly #parts: ProxyProgram;
  readonly #child: ChildProcess;
  #output = '';

  constructor(port: number, parts: ProxyProgram) {
    this.port = port;
    this.#parts = parts;
    this.#child = spawn(parts.program, parts.args, { env: environment() });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString();
      });
    }
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`${this.#parts.program} did not start`);
    return pid;
  }

  /** @throws Error with what it wrote, when it has ended */
  assertAlive(): void {
    if (this.#hasEnded) throw new Error(`${this.#parts.program} has ended:\n${this.#output}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hasEnded) {
      const exit = once(this.#child, 'exit');
      this.#child.kill(this.#parts.end);
      await exit;
    }
    rmSync(this.#parts.folder, { recursive: true, force: true });
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Administrators' programs are not on everybody's path. */
function environment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/usr/local/sbin` };
}
