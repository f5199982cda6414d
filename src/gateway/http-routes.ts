import type { JsonInput } from '../protocol/json.ts';
import type { Metrics } from '../telemetry/index.ts';
import { isLoopback } from './address-key.ts';
import { type HttpAnswer, jsonAnswer, PROBLEMS, tooManyRequests } from './problem.ts';
import type { RateLimiter } from './rate-limiter.ts';

/** A request for anything but a session; its body is never read. */
export interface HttpRequest {
  readonly method: string;
  /** Without the query, still percent-encoded. */
  readonly path: string;
  /** Remote address without port. */
  readonly address: string;
}

export interface HttpRoutesParts {
  readonly limiter: RateLimiter;
  readonly onLimited: () => void;
  readonly metrics: Metrics;
  /** Whether everything that the server needs is up. */
  readonly ready: () => Promise<boolean>;
  readonly serverInfo: () => JsonInput;
  readonly version: string;
  readonly uptimeSeconds: () => number;
  readonly connections: () => Promise<number>;
  readonly onError: (error: unknown) => void;
  /** Further documents by path, for GET and HEAD. */
  readonly pages: ReadonlyMap<string, HttpAnswer>;
}

type Route = (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer>;

/**
 * The routes beside `/connect`, for both versions of HTTP. Paths match exactly; probes answer to every method, as the
 * reference does. Never throws. PROTOCOL.md 2.1, 3.3.
 */
export class HttpRoutes {
  readonly #parts: HttpRoutesParts;
  readonly #anyMethod: ReadonlyMap<string, Route>;
  readonly #getOnly: ReadonlyMap<string, Route>;

  constructor(parts: HttpRoutesParts) {
    this.#parts = parts;
    this.#anyMethod = new Map<string, Route>([
      ['/healthz', () => this.#health()],
      ['/readyz', () => this.#readiness()],
      ['/metrics', (request) => this.#metrics(request)],
    ]);
    const pages = [...parts.pages].map(([path, page]): [string, Route] => [path, () => page]);
    this.#getOnly = new Map<string, Route>([...pages, ['/api/server-info', () => this.#serverInfo()]]);
  }

  async answer(request: HttpRequest): Promise<HttpAnswer> {
    const verdict = this.#parts.limiter.check(request.address);
    if (!verdict.allowed) {
      this.#parts.onLimited();
      return tooManyRequests(verdict.retryAfter);
    }
    const reads = request.method === 'GET' || request.method === 'HEAD';
    const route = this.#anyMethod.get(request.path) ?? (reads ? this.#getOnly.get(request.path) : undefined);
    if (route === undefined) return PROBLEMS.notFound;
    try {
      return await route(request);
    } catch (error) {
      this.#parts.onError(error);
      return PROBLEMS.internal;
    }
  }

  /** It is the same for everybody and needs no credentials, so pages of every origin may read it. */
  #serverInfo(): HttpAnswer {
    const answer = jsonAnswer(this.#parts.serverInfo());
    return { ...answer, headers: { ...answer.headers, 'access-control-allow-origin': '*' } };
  }

  async #health(): Promise<HttpAnswer> {
    const { connections, uptimeSeconds, version } = this.#parts;
    const facts = {
      status: 'healthy',
      uptime_seconds: Math.floor(uptimeSeconds()),
      version,
      connections: await connections(),
    };
    return {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(facts, undefined, 2),
    };
  }

  async #readiness(): Promise<HttpAnswer> {
    const ready = await this.#parts.ready();
    const headers = { 'content-type': 'text/plain' };
    return ready ? { status: 200, headers, body: 'ready' } : { status: 503, headers, body: 'degraded' };
  }

  /** Until there are admin tokens, only this machine may look. */
  async #metrics(request: HttpRequest): Promise<HttpAnswer> {
    if (!isLoopback(request.address)) return PROBLEMS.forbidden;
    const { metrics } = this.#parts;
    return { status: 200, headers: { 'content-type': metrics.contentType }, body: await metrics.expose() };
  }
}
