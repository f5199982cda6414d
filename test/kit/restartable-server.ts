import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { prepareDevServer } from '../../cli/server/dev-server.ts';
import type { Config } from '../../src/config/index.ts';
import { type Server, startServer } from '../../src/server/server.ts';
import { createLogger } from '../../src/telemetry/index.ts';
import { temporaryFolder } from './temporary-folder.ts';
import type { ServerAddress } from './wire-client.ts';

/** A whole server in this process that stops and starts on its data folder, of which backups are made and put back. */
export class RestartableServer implements AsyncDisposable {
  readonly #root = temporaryFolder('restartable');
  readonly #overrides: readonly string[];
  #server: Server | undefined;
  #ca: Buffer | undefined;
  #domain = '';
  #config: Config | undefined;

  private constructor(overrides: readonly string[]) {
    this.#overrides = overrides;
  }

  /** `overrides`: `section.key=value`. */
  static async start(overrides: readonly string[] = []): Promise<RestartableServer> {
    const server = new RestartableServer(overrides);
    await server.start();
    return server;
  }

  get data(): string {
    return join(this.#root, 'data');
  }

  /** As of the last start, also when that failed. */
  get config(): Config {
    if (this.#config === undefined) throw new Error('the server was never started');
    return this.#config;
  }

  get server(): Server {
    if (this.#server === undefined) throw new Error('the server does not run');
    return this.#server;
  }

  get address(): ServerAddress {
    const { port, noisePublic } = this.server;
    if (this.#ca === undefined) throw new Error('the server does not run');
    return { port, noisePublic, domain: this.#domain, ca: this.#ca };
  }

  async start(): Promise<void> {
    const { config, identity } = await prepareDevServer({
      data: this.data,
      port: 0,
      set: [
        'storage.postgres_dsn=none',
        'security.rate_limit.connect_burst=100000',
        'server.drain_delay_ms=0',
        ...this.#overrides,
      ],
    });
    this.#config = config;
    this.#ca = readFileSync(identity.caFile);
    this.#domain = config.server.domain;
    this.#server = await startServer({ config, logger: createLogger({ level: 'silent' }) });
  }

  async stop(): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
    this.#server = undefined;
  }

  /** Copies the data folder of the stopped server. */
  backUp(): void {
    rmSync(this.#backup, { recursive: true, force: true });
    cpSync(this.data, this.#backup, { recursive: true, preserveTimestamps: true });
  }

  /** Puts the backup in the place of the data folder of the stopped server. */
  restore(): void {
    rmSync(this.data, { recursive: true });
    cpSync(this.#backup, this.data, { recursive: true, preserveTimestamps: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.#root, { recursive: true, force: true });
  }

  get #backup(): string {
    return join(this.#root, 'backup');
  }
}
