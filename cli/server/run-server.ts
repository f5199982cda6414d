import { type Config, exposedFiles } from '../../src/config/index.ts';
import type { HttpAnswer } from '../../src/gateway/index.ts';
import { type Server, startServer } from '../../src/server/server.ts';
import type { Logger, LogOutput } from '../../src/telemetry/index.ts';
import { EXIT } from '../kit/exit-codes.ts';
import { type Shutdown, shutdownOnSignal } from '../kit/signals.ts';
import { endForCertain, FLUSHING } from './end-for-certain.ts';

/** Milliseconds that the end of a server may take beyond what its configuration gives to load balancers and sessions. */
const CLOSING = 45_000;

export interface RunServerOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** Where the logger writes. */
  readonly output?: LogOutput;
  /** Documents to serve beside the server's own routes, by path. */
  readonly pages?: ReadonlyMap<string, HttpAnswer>;
  /** What SIGHUP does: read the TLS certificate again, or end as with SIGTERM, as when its terminal is closed. */
  readonly onHangup: 'reload' | 'end';
  /** Called once, when the listener accepts. */
  readonly ready: (server: Server) => void;
}

/** Runs a server until SIGTERM or SIGINT, then closes it in order; either of them during the start ends the start. */
export async function runServer(options: RunServerOptions): Promise<void> {
  const { config, logger, onHangup, output } = options;
  let reload: (() => void) | undefined;
  let hungUp = false;
  // During the start the certificate may have been read already: it is read once more, then.
  const hangup = (): void => {
    hungUp = true;
    reload?.();
  };
  const shutdown = shutdownOnSignal(onHangup === 'reload' ? hangup : undefined);
  const { drainDelayMs, shutdownTimeoutMs } = config.server;
  const timeoutMs = drainDelayMs + shutdownTimeoutMs + CLOSING;
  const watch = (): void => endForCertain({ logger, output, timeoutMs });
  shutdown.signal.addEventListener('abort', watch, { once: true });
  for (const warning of config.warnings) logger.warn({}, warning);
  for (const { detail, advice } of exposedFiles(config)) logger.warn({ advice }, detail);
  try {
    const server = await start(options, shutdown.signal);
    if (server !== undefined) {
      reload = () => void server.reloadCertificate();
      if (hungUp) reload();
      await untilAsked(options, server, shutdown);
    }
    logger.info({}, 'stopped');
  } finally {
    await output?.flush(FLUSHING);
  }
}

/** `undefined` when a signal came first. */
async function start(options: RunServerOptions, signal: AbortSignal): Promise<Server | undefined> {
  const { config, logger, output, pages } = options;
  try {
    const onLogLost = (error: Error): void => endLost(options, error);
    return await startServer({ config, logger, logOutput: output, pages, signal, onLogLost });
  } catch (error) {
    if (signal.aborted && error === signal.reason) return undefined;
    throw error;
  }
}

async function untilAsked(
  { config, logger, ready }: RunServerOptions,
  server: Server,
  shutdown: Shutdown,
): Promise<void> {
  await using _ = server;
  if (!shutdown.signal.aborted) ready(server);
  await shutdown.asked;
  const { drainDelayMs, shutdownTimeoutMs } = config.server;
  logger.info({ drainDelayMs, timeoutMs: shutdownTimeoutMs }, 'shutting down');
}

/** Another process writes the log now: an orderly end would write to what is not ours. */
function endLost({ logger, output }: RunServerOptions, error: Error): void {
  logger.fatal({ error, reason: error.message }, 'the log is lost; the process ends at once');
  const flushed = output?.flush(FLUSHING) ?? Promise.resolve();
  void flushed.then(() => process.exit(EXIT.DAMAGE));
}
