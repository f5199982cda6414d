import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { addressOf, type Config, loadConfig } from '../../src/config/index.ts';
import { type DevIdentity, ensureDevIdentity } from '../../src/keys/index.ts';
import type { Server } from '../../src/server/server.ts';
import { systemClock, systemRandom } from '../../src/system/index.ts';
import { CommandError, EXIT } from '../kit/exit-codes.ts';

const CONFIG_FILE = 'commucat.toml';

/** Written once; the developer may change it. Paths start at the file's folder. */
const CONFIG = `# Of the development server (commucat dev). Every key: docs/configuration.md

[server]
bind = "127.0.0.1:8443"
tls_cert = "tls/cert.pem"
tls_key = "tls/key.pem"
domain = "localhost"
auto_approve_devices = true
max_auto_devices_per_user = 5

[storage]
data_dir = "."

[telemetry]
log_level = "warn"
`;

export interface DevOptions {
  readonly data: string;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** `section.key=value`, stronger than host and port. */
  readonly set?: readonly string[] | undefined;
}

export interface DevSetup {
  readonly config: Config;
  readonly identity: DevIdentity;
}

/** Creates what a development server needs and is missing in its folder: configuration, CA, certificate. */
export async function prepareDevServer(options: DevOptions): Promise<DevSetup> {
  const folder = resolve(options.data);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, CONFIG_FILE);
  if (!existsSync(file)) writeFileSync(file, CONFIG, { mode: 0o600 });
  const load = (extra: readonly string[]): Config =>
    loadConfig({ file, env: process.env, overrides: [...extra, ...(options.set ?? [])] });
  const bind = addressOf(load([]).server.bind);
  const host = options.host ?? bind.host;
  const port = options.port ?? bind.port;
  const named = options.host !== undefined || options.port !== undefined;
  const chosen = load(named ? [`server.bind=${host.includes(':') ? `[${host}]` : host}:${port}`] : []);
  const config = chosen.server.operatorBind === undefined ? withoutOperators(chosen) : chosen;
  const identity = await ensureDevIdentity(join(folder, 'tls'), {
    clock: systemClock,
    random: systemRandom,
    hosts: certificateHosts(addressOf(config.server.bind).host, config.server.domain),
  });
  return { config, identity };
}

/** Several run on one machine, and their listener serves the same pages to it. */
function withoutOperators(config: Config): Config {
  return { ...config, server: { ...config.server, operatorBind: 'none' } };
}

const ANY_ADDRESS = new Set(['0.0.0.0', '::']);

function certificateHosts(host: string, domain: string): readonly string[] {
  return [...(ANY_ADDRESS.has(host) ? [] : [host]), ...(/^[a-z0-9.-]+$/i.test(domain) ? [domain] : [])];
}

/** The one line that `commucat dev --json` prints. */
export interface DevReady {
  readonly url: string;
  readonly domain: string;
  readonly noise_public: string;
  readonly ca_file: string;
  readonly pid: number;
}

export function readyOf(server: Server, { config, identity }: DevSetup): DevReady {
  const host = ANY_ADDRESS.has(server.host) ? '127.0.0.1' : server.host;
  return {
    url: `https://${host.includes(':') ? `[${host}]` : host}:${server.port}/connect`,
    domain: config.server.domain,
    noise_public: server.noisePublic,
    ca_file: identity.caFile,
    pid: process.pid,
  };
}

const READY_FILE = 'dev.json';

/** Tells other commands where the development server of this folder is. */
export function writeDevReady(data: string, ready: DevReady): void {
  writeFileSync(join(data, READY_FILE), `${JSON.stringify(ready)}\n`, { mode: 0o600 });
}

/** The development server that was last started in a folder. */
export async function readDevReady(data: string): Promise<DevReady> {
  try {
    return JSON.parse(await readFile(join(data, READY_FILE), 'utf8')) as DevReady;
  } catch (cause) {
    throw new CommandError(EXIT.UNREACHABLE, `${data}: no development server was started there`, { cause });
  }
}
