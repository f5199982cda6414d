// Runs the built CLI as a user does; `npm test` builds first, after `npx tsx --test` of one file run `npm run build`.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { until } from '../kit/waiting.ts';

export const PROGRAM = fileURLToPath(new URL('../../bin/commucat.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function environment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('COMMUCAT_'));
  return { ...Object.fromEntries(inherited), DEBUG: '', ...extra };
}

/** Runs a command to its end. */
export async function commucat(
  args: readonly string[],
  options: { readonly input?: string; readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: environment(options.env),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    output.stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output.stderr += chunk.toString();
  });
  child.stdin.end(options.input ?? '');
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...output };
}

export class RunningCommand implements AsyncDisposable {
  readonly process: ChildProcess;
  readonly lines: string[] = [];
  stderr = '';
  readonly #closed: Promise<unknown>;

  constructor(args: readonly string[]) {
    const child = spawn(process.execPath, [PROGRAM, ...args], { env: environment() });
    this.process = child;
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.lines.push(line);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.#closed = once(child, 'close');
  }

  /** Waits until the condition holds. @throws when the process ends before */
  async until(condition: () => boolean): Promise<void> {
    await until(() => {
      if (condition()) return true;
      if (this.process.exitCode !== null || this.process.signalCode !== null) {
        throw new Error(`it has ended with ${this.process.exitCode}: ${this.stderr}`);
      }
      return false;
    }, 'what a command should print');
  }

  async line(index: number): Promise<string> {
    await this.until(() => this.lines.length > index);
    return this.lines[index] ?? '';
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.process.kill(signal);
    await this.#closed;
    return this.process.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.end('SIGKILL');
  }
}

export interface Ready {
  readonly url: string;
  readonly domain: string;
  readonly noise_public: string;
  readonly ca_file: string;
  readonly pid: number;
}

/** A development server without database, on any port; `ready` is what it printed. */
export async function startDev(
  data: string,
  ...extra: readonly string[]
): Promise<{ readonly server: RunningCommand; readonly ready: Ready }> {
  const nothing = ['--set', 'storage.postgres_dsn=none'];
  const server = new RunningCommand(['dev', '--data', data, '--port', '0', '--json', ...nothing, ...extra]);
  return { server, ready: JSON.parse(await server.line(0)) as Ready };
}

export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'commucat-cli-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
