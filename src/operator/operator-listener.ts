import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { addressOf, type Config, OPERATOR_DEFAULT } from '../config/index.ts';
import { type HttpAnswer, OperatorPages, type OperatorPagesParts, PROBLEMS } from '../gateway/index.ts';
import type { Logger } from '../telemetry/index.ts';

/** Scrapers, probes and `diagnose`: more than a few connections are a mistake. */
const MOST_CONNECTIONS = 64;
/** Time for the head of a request, and for all of it, in milliseconds. */
const REQUEST_MS = 5_000;
/** Rest of an idle connection, in milliseconds: longer than most scrape intervals of health checks. */
const IDLE_MS = 30_000;

export interface OperatorListenerOptions extends OperatorPagesParts {
  readonly server: Pick<Config['server'], 'operatorBind'>;
  readonly logger: Logger;
}

export interface OperatorListener extends AsyncDisposable {
  /** `undefined`: there is none. */
  readonly address: { readonly host: string; readonly port: number } | undefined;
}

/**
 * HTTP/1.1 without TLS for operators alone: `/metrics`, `/healthz` and `/readyz`, whatever stands before the other listeners
 * and however full they are. It answers until it is disposed, so that the end of a drain can be watched.
 *
 * An address of the operator's choice must be free, or the server does not start. The default one is taken when it is free:
 * a second server on the machine goes without, and says so.
 */
export async function openOperatorListener(options: OperatorListenerOptions): Promise<OperatorListener> {
  const { logger, server: settings } = options;
  const bind = settings.operatorBind ?? OPERATOR_DEFAULT;
  if (bind === 'none') return { address: undefined, [Symbol.asyncDispose]: async () => undefined };
  const server = createOperatorServer(options);
  try {
    await listen(server, bind);
  } catch (error) {
    if (settings.operatorBind !== undefined || !isTaken(error)) throw error;
    logger.warn(
      { address: bind },
      'no listener for operators: the address is taken; set server.operator_bind',
    );
    return { address: undefined, [Symbol.asyncDispose]: async () => undefined };
  }
  const { address, port } = server.address() as AddressInfo;
  logger.info({ address, port }, 'listening for operators');
  return {
    address: { host: address, port },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function createOperatorServer(options: OperatorListenerOptions): Server {
  const pages = new OperatorPages(options);
  const routes = new Map<string, () => Promise<HttpAnswer>>([
    ['/metrics', () => pages.metrics()],
    ['/healthz', () => pages.health()],
    ['/readyz', () => pages.readiness()],
  ]);
  const timeouts = { headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS, keepAliveTimeout: IDLE_MS };
  const server = createServer(timeouts, (request, response) => {
    const [path = ''] = (request.url ?? '').split('?', 1);
    const route = request.method === 'GET' || request.method === 'HEAD' ? routes.get(path) : undefined;
    const answered = route === undefined ? Promise.resolve(PROBLEMS.notFound) : route();
    answered
      .catch((error: unknown) => {
        options.logger.error({ err: error }, 'request failed');
        return PROBLEMS.internal;
      })
      .then(({ body, headers, status }) => {
        response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
      });
    request.resume();
  });
  server.maxConnections = MOST_CONNECTIONS;
  return server;
}

async function listen(server: Server, bind: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(addressOf(bind), () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
}
