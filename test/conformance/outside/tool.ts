import { spawn, spawnSync } from 'node:child_process';

/** A program that is not ours. */
export interface Tool {
  readonly name: string;
  /** Its Debian package. */
  readonly package: string;
  /** Its version; undefined when it is not installed. */
  readonly version: string | undefined;
}

/** Asks a program for its version. */
export function findTool(name: string, debian: string, command: string, args: readonly string[]): Tool {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8', timeout: 20_000 });
  const version = status === 0 ? /\d+(?:\.\d+)+/.exec(stdout)?.[0] : undefined;
  return { name, package: debian, version };
}

export interface Output {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

const DEADLINE_MS = 30_000;

/** Runs a program to its end. */
export function runTool(command: string, args: readonly string[]): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: DEADLINE_MS });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString('latin1');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString('latin1');
    });
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, out, err }));
  });
}
