import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROGRAM = 'nginx';
/** Where Debian keeps the stream module, which other builds have inside. */
const STREAM_MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so';

/** Why the tests with nginx cannot run here; undefined: they can. */
export function nginxMissing(): string | undefined {
  const { status } = spawnSync(PROGRAM, ['-v'], { env: environment(), stdio: 'ignore' });
  return status === 0
    ? undefined
    : 'nginx is not installed (Debian: apt-get install nginx libnginx-mod-stream)';
}

export type Substitutions = Readonly<Record<string, string>>;

/** nginx with one of the files of `deploy/nginx`, in which only addresses and file names are others. */
export class NginxProcess implements AsyncDisposable {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #folder: string;
  #output = '';

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
    const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'];
    this.#child = spawn(PROGRAM, args, { env: environment() });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString();
      });
    }
  }

  /**
   * @param block of nginx.conf that the file belongs into
   * @param certificate PEM of key and chain, when nginx ends TLS
   */
  static async start(
    name: string,
    block: 'http' | 'stream',
    certificate: string,
    replace: Substitutions,
  ): Promise<NginxProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'commucat-nginx-'));
    const port = await freePort();
    const pem = join(folder, 'chat.pem');
    writeFileSync(pem, certificate, { mode: 0o600 });
    let text = readFileSync(fileURLToPath(new URL(`../../deploy/nginx/${name}`, import.meta.url)), 'utf8');
    for (const [shipped, substitute] of Object.entries({
      'listen 443': `listen 127.0.0.1:${port}`,
      ...replace,
    })) {
      if (!text.includes(shipped)) throw new Error(`${name} has no ${JSON.stringify(shipped)}`);
      text = text.replaceAll(shipped, substitute);
    }
    text = text.replaceAll(/\/etc\/nginx\/chat\.example\.(pem|key)/g, pem);
    writeFileSync(join(folder, 'site.conf'), text);
    writeFileSync(join(folder, 'nginx.conf'), mainFile(folder, block));
    return new NginxProcess(port, folder);
  }

  /** @throws Error with what it wrote, when it has ended */
  assertAlive(): void {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null)
      throw new Error(`nginx has ended:\n${this.#output}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exit = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      await exit;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Everything that nginx writes lies in the folder. */
function mainFile(folder: string, block: 'http' | 'stream'): string {
  const bodies = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const temporary = bodies.map((body) => `${body}_temp_path ${join(folder, body)};`).join('\n');
  return `${existsSync(STREAM_MODULE) ? `load_module ${STREAM_MODULE};` : ''}
${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
worker_processes 1;
pid ${join(folder, 'nginx.pid')};
error_log stderr;
events { worker_connections 256; }
${block} {
${block === 'http' ? `access_log off;\n${temporary}` : ''}
include ${join(folder, 'site.conf')};
}
`;
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
