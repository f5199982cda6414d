import { readFileSync, rmSync } from 'node:fs';
import { prepareDevServer } from '../../cli/server/dev-server.ts';
import type { DevIdentity } from '../../src/keys/index.ts';
import { type Server, startServer } from '../../src/server/server.ts';
import { createLogger } from '../../src/telemetry/index.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** A whole server in this process, on the segment log, without Postgres. */
export interface RunningServer extends AsyncDisposable {
  readonly server: Server;
  readonly port: number;
  readonly ca: Buffer;
  /** The files of its certificate. */
  readonly identity: DevIdentity;
  readonly domain: string;
  readonly noisePublic: string;
}

/** `overrides`: `section.key=value`. */
export async function startRunningServer(overrides: readonly string[] = []): Promise<RunningServer> {
  const data = temporaryFolder('running');
  const { config, identity } = await prepareDevServer({
    data,
    port: 0,
    set: ['storage.postgres_dsn=none', 'security.rate_limit.connect_burst=100000', ...overrides],
  });
  const server = await startServer({ config, logger: createLogger({ level: 'silent' }) });
  return {
    server,
    port: server.port,
    ca: readFileSync(identity.caFile),
    identity,
    domain: config.server.domain,
    noisePublic: server.noisePublic,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      rmSync(data, { recursive: true, force: true });
    },
  };
}
