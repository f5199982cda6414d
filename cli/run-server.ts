import type { Config } from '../src/config/index.ts';
import { type Server, startServer } from '../src/server.ts';
import type { Logger } from '../src/telemetry/index.ts';
import { shutdownOnSignal } from './signals.ts';

export interface RunServerOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** Called once, when the listener accepts. */
  readonly ready: (server: Server) => void;
}

/** Runs a server until SIGTERM or SIGINT, then closes it in order. */
export async function runServer({ config, logger, ready }: RunServerOptions): Promise<void> {
  const shutdown = shutdownOnSignal();
  for (const warning of config.warnings) logger.warn({}, warning);
  const server = await startServer({ config, logger });
  try {
    if (!shutdown.signal.aborted) ready(server);
    await shutdown.asked;
    logger.info({ timeoutMs: config.server.shutdownTimeoutMs }, 'shutting down');
  } finally {
    await server[Symbol.asyncDispose]();
  }
  logger.info({}, 'stopped');
}
