import type { Config } from '../src/config/index.ts';
import type { HttpAnswer } from '../src/gateway/index.ts';
import { type Server, startServer } from '../src/server.ts';
import type { Logger } from '../src/telemetry/index.ts';
import { shutdownOnSignal } from './signals.ts';

export interface RunServerOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** Documents to serve beside the server's own routes, by path. */
  readonly pages?: ReadonlyMap<string, HttpAnswer>;
  /** Called once, when the listener accepts. */
  readonly ready: (server: Server) => void;
}

/** Runs a server until SIGTERM or SIGINT, then closes it in order. */
export async function runServer({ config, logger, pages, ready }: RunServerOptions): Promise<void> {
  const shutdown = shutdownOnSignal();
  for (const warning of config.warnings) logger.warn({}, warning);
  const server = await startServer({ config, logger, pages });
  try {
    if (!shutdown.signal.aborted) ready(server);
    await shutdown.asked;
    logger.info({ timeoutMs: config.server.shutdownTimeoutMs }, 'shutting down');
  } finally {
    await server[Symbol.asyncDispose]();
  }
  logger.info({}, 'stopped');
}
