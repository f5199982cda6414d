import { readFile } from 'node:fs/promises';
import { addressOf, type Config, ConfigError } from '../../src/config/index.ts';
import { loadServerConfig, type ServerChoice } from '../kit/server-config.ts';
import { readDevReady } from '../server/dev-server.ts';
import { checkDatabase } from './database.ts';
import { checkCertificate, checkDataFolder, checkDisk, checkLogFiles } from './files.ts';
import { type Finding, fail, leftOut, ok, warn } from './finding.ts';
import { checkServer } from './network.ts';
import { checkOperators } from './operator.ts';

export interface DiagnoseOptions extends ServerChoice {
  /** Only what can be seen from outside, at this address. */
  readonly url: string | undefined;
  readonly ca: string | undefined;
  readonly handshake: boolean;
  /** Root of the package. */
  readonly root: string;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

export async function diagnose(options: DiagnoseOptions): Promise<readonly Finding[]> {
  const { url, handshake } = options;
  const ca = options.ca === undefined ? undefined : await readFile(options.ca, 'utf8');
  if (url !== undefined) return checkServer({ url: new URL(url), ca, domain: undefined, handshake });
  let config: Config;
  try {
    config = await loadServerConfig(options);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ file, line, key, found, allowed }) =>
      fail(
        'configuration',
        `${file}${line === undefined ? '' : `:${line}`}: ${key}: found ${found}`,
        `allowed: ${allowed}`,
      ),
    );
  }
  return [
    ok('configuration', config.file ?? 'without a file'),
    ...config.warnings.map((warning) => warn('configuration', warning, 'remove it')),
    ...(await checkDataFolder(config)),
    await checkCertificate(config, options.now),
    await checkDisk(config),
    await checkLogFiles(config),
    ...(await checkDatabase(config, options.root)),
    await checkOperators(config),
    ...(await checkListener(options, config, ca)),
  ];
}

async function checkListener(
  { data, handshake }: DiagnoseOptions,
  config: Config,
  ca: string | undefined,
): Promise<readonly Finding[]> {
  const running = data === undefined ? undefined : await readDevReady(data).catch(() => undefined);
  const url = running === undefined ? listenerUrl(config) : new URL(running.url);
  if (url === undefined) return [leftOut('listener', 'server.bind leaves the port open; give --url')];
  // A certificate of one's own authority comes with it in the same file.
  const chain = ca ?? (await readFile(config.server.tlsCert, 'utf8').catch(() => undefined));
  return checkServer({ url, ca: chain, domain: config.server.domain, handshake });
}

function listenerUrl({ server }: Config): URL | undefined {
  const { host, port } = addressOf(server.bind);
  if (port === 0) return undefined;
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return new URL(`https://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}/connect`);
}
