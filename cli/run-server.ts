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
  /** What SIGHUP does: read the TLS certificate again, or end the process at once, as when its terminal is closed. */
  readonly onHangup: 'reload' | 'end';
  /** Called once, when the listener accepts. */
  readonly ready: (server: Server) => void;
}

/** Runs a server until SIGTERM or SIGINT, then closes it in order. */
export async function runServer(options: RunServerOptions): Promise<void> {
  const { config, logger, onHangup, pages, ready } = options;
  const shutdown = shutdownOnSignal();
  for (const warning of config.warnings) logger.warn({}, warning);
  const server = await startServer({ config, logger, pages });
  if (onHangup === 'reload') process.on('SIGHUP', () => void server.reloadCertificate());
  try {
    if (!shutdown.signal.aborted) ready(server);
    await shutdown.asked;
    const { drainDelayMs, shutdownTimeoutMs } = config.server;
    logger.info({ drainDelayMs, timeoutMs: shutdownTimeoutMs }, 'shutting down');
  } finally {
    await server[Symbol.asyncDispose]();
  }
  logger.info({}, 'stopped');
}
