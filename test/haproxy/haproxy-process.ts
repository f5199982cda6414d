import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROGRAM = 'haproxy';

/** Why the tests with HAProxy cannot run here; undefined: they can. */
export function haproxyMissing(): string | undefined {
  const { status } = spawnSync(PROGRAM, ['-v'], { env: environment(), stdio: 'ignore' });
  return status === 0 ? undefined : 'HAProxy is not installed (Debian: apt-get install haproxy)';
}

/** By text of the shipped file, which must occur: what stands there for the test. */
export type Substitutions = Readonly<Record<string, string>>;

/** HAProxy with one of the files of `deploy/haproxy`, in which only addresses and file names are others. */
export class HaproxyProcess implements AsyncDisposable {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #folder: string;
  #output = '';

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
    this.#child = spawn(PROGRAM, ['-db', '-f', join(folder, 'haproxy.cfg')], { env: environment() });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString();
      });
    }
  }

  /** @param certificate PEM of key and chain, when HAProxy ends TLS */
  static async start(name: string, certificate: string, replace: Substitutions): Promise<HaproxyProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'commucat-haproxy-'));
    const port = await freePort();
    writeFileSync(join(folder, 'chat.pem'), certificate, { mode: 0o600 });
    const all = {
      ':443': `127.0.0.1:${port}`,
      'inter 2s': 'inter 200ms',
      // It asks for two descriptors each, and ends when the limit of the shell is lower.
      'maxconn 20000': 'maxconn 100',
      ...replace,
    };
    let text = readFileSync(fileURLToPath(new URL(`../../deploy/haproxy/${name}`, import.meta.url)), 'utf8');
    for (const [shipped, substitute] of Object.entries(all)) {
      if (!text.includes(shipped)) throw new Error(`${name} has no ${JSON.stringify(shipped)}`);
      text = text.replaceAll(shipped, substitute);
    }
    text = text.replaceAll('/etc/haproxy/chat.example.pem', join(folder, 'chat.pem'));
    writeFileSync(join(folder, 'haproxy.cfg'), text);
    return new HaproxyProcess(port, folder);
  }

  /** @throws Error with what it wrote, when it has ended */
  assertAlive(): void {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null)
      throw new Error(`HAProxy has ended:\n${this.#output}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exit = once(this.#child, 'exit');
      this.#child.kill('SIGKILL');
      await exit;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Administrators' programs are not on everybody's path. */
function environment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/usr/local/sbin` };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
