import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Address, addressOf } from './load/address.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BIN = join(ROOT, 'bin', 'commucat.js');
const BARE = join(ROOT, 'bench', 'bare-server.ts');

/** A server in a process of its own, with a data folder that goes with it. */
export interface ServerChild extends AsyncDisposable {
  readonly pid: number;
  /** Its data. */
  readonly folder: string;
  readonly address: Address;
  /** PEM of its CA; key and certificate are beside it. */
  readonly caFile: string;
}

export interface BareServer extends ServerChild {
  /** Without TLS: HTTP/2 with prior knowledge. */
  readonly plainPort: number;
}

export interface RelayServer extends ServerChild {
  readonly domain: string;
  /** Hex. */
  readonly noisePublic: string;
}

export interface RelayServerOptions {
  /** `section.key=value` */
  readonly set: readonly string[];
  /** Where the CPU profile of the server goes when it ends. */
  readonly profile?: { readonly folder: string; readonly name: string } | undefined;
}

/** A limit that no load here reaches. */
const FAR = 1_000_000;
/** Where 0 means: no limit. */
const NONE = 0;
/** What one address and one session may do is far less than what a load does that is all users at once. */
const RAISED: Readonly<Record<string, number>> = {
  'limits.connections': FAR,
  'limits.connections_per_address': FAR,
  'limits.half_open': FAR,
  'limits.half_open_per_address': FAR,
  'limits.sessions': FAR,
  'limits.sessions_per_address': FAR,
  'limits.handshakes': FAR,
  'limits.handshakes_per_address': FAR,
  'limits.session_frames_per_second': NONE,
  'limits.session_bytes_per_second': NONE,
  'security.rate_limit.connect_burst': FAR,
  'security.rate_limit.http_burst': FAR,
};

/** The server as users run it: the built one, `commucat dev`. */
export async function startRelayServer(options: RelayServerOptions): Promise<RelayServer> {
  if (!existsSync(join(ROOT, 'dist', 'src', 'server', 'server.js'))) {
    throw new Error('no dist/: npm run build');
  }
  const { profile } = options;
  const profiling =
    profile === undefined
      ? []
      : ['--cpu-prof', `--cpu-prof-dir=${profile.folder}`, `--cpu-prof-name=${profile.name}.cpuprofile`];
  const raised = Object.entries(RAISED).map(([name, value]) => `${name}=${value}`);
  const set = [...raised, ...options.set].flatMap((override) => ['--set', override]);
  const child = await startChild((folder) => [
    ...profiling,
    BIN,
    'dev',
    '--json',
    '--port',
    '0',
    '--data',
    folder,
    ...set,
  ]);
  const { url, domain, noise_public: noisePublic, ca_file: caFile } = child.ready;
  if (url === undefined || domain === undefined || noisePublic === undefined || caFile === undefined) {
    throw new Error(`commucat dev --json printed ${JSON.stringify(child.ready)}`);
  }
  const { hostname: host, port } = new URL(url);
  return {
    ...child,
    address: addressOf(host, Number(port), readFileSync(caFile, 'utf8'), child.stopping),
    caFile,
    domain,
    noisePublic,
  };
}

/** What the limits are measured at: bare node:http2, over TLS 1.3 and without. */
export async function startBareServer(): Promise<BareServer> {
  const child = await startChild((folder) => ['--import', 'tsx', BARE, folder]);
  const { host, port, plain_port: plainPort, ca_file: caFile } = child.ready;
  if (host === undefined || port === undefined || caFile === undefined) throw new Error('no bare server');
  const address = addressOf(host, Number(port), readFileSync(caFile, 'utf8'), child.stopping);
  return { ...child, address, caFile, plainPort: Number(plainPort) };
}

interface StartedChild extends AsyncDisposable {
  readonly stopping: AbortSignal;
  readonly pid: number;
  readonly folder: string;
  readonly ready: Readonly<Record<string, string | undefined>>;
}

async function startChild(args: (folder: string) => readonly string[]): Promise<StartedChild> {
  const folder = mkdtempSync(join(tmpdir(), 'commucat-bench-'));
  const child = spawn(process.execPath, args(folder), { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const { pid } = child;
  if (pid === undefined) throw new Error('the server process does not start');
  // A bench that fails must not leave servers behind.
  const abandon = (): void => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', abandon);
  const stopping = new AbortController();
  const dispose = async (): Promise<void> => {
    // A load whose scenario has failed may still be there: the failure is what has to be seen, not its end.
    stopping.abort();
    await stop(child, ended);
    process.off('exit', abandon);
    rmSync(folder, { recursive: true, force: true });
  };
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([once(lines, 'line'), ended.then(() => undefined)]);
  if (first === undefined) {
    await dispose();
    throw new Error('the server process ended before it was ready');
  }
  return {
    pid,
    folder,
    stopping: stopping.signal,
    ready: JSON.parse(first[0]),
    [Symbol.asyncDispose]: dispose,
  };
}

async function stop(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGTERM');
    await ended;
  }
}
