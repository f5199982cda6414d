import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { prepareDevServer } from '../../cli/server/dev-server.ts';
import { type Server, startServer } from '../../src/server/server.ts';
import { createLogger } from '../../src/telemetry/index.ts';
import type { ServerAddress } from '../kit/wire-client.ts';

/** A whole server in this process whose log can be read. */
export interface LoggedServer extends AsyncDisposable, ServerAddress {
  readonly server: Server;
  readonly plainPort: number;
  /** PEM: key and chain. */
  readonly certificate: string;
  readonly caFile: string;
  /** The names that the log gave to the peers of the sessions so far, in order. */
  peers(): readonly string[];
}

/** `overrides`: `section.key=value`. */
export async function startLoggedServer(overrides: readonly string[]): Promise<LoggedServer> {
  const data = mkdtempSync(join(tmpdir(), 'commucat-logged-'));
  const set = ['storage.postgres_dsn=none', 'security.rate_limit.connect_burst=100000', ...overrides];
  const { config, identity } = await prepareDevServer({ data, port: 0, set });
  const peers: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      const line = JSON.parse(chunk.toString()) as { readonly message: string; readonly peer?: string };
      if (line.message === 'session opened' && line.peer !== undefined) peers.push(line.peer);
      done();
    },
  });
  const server = await startServer({ config, logger: createLogger({ level: 'info', destination }) });
  return {
    server,
    port: server.port,
    plainPort: server.plain?.port ?? 0,
    ca: readFileSync(identity.caFile),
    caFile: identity.caFile,
    certificate: readFileSync(identity.keyFile, 'utf8') + readFileSync(identity.certFile, 'utf8'),
    domain: config.server.domain,
    noisePublic: server.noisePublic,
    peers: () => peers,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      rmSync(data, { recursive: true, force: true });
    },
  };
}
