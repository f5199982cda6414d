import type { JsonInput } from '../../protocol/json/json.ts';
import { isLoopback } from '../admission/address-key.ts';
import type { RateLimiter } from '../admission/rate-limiter.ts';
import { OperatorPages, type OperatorPagesParts } from './operator-pages.ts';
import { type HttpAnswer, jsonAnswer, PROBLEMS, tooManyRequests } from './problem.ts';

/** A request for anything but a session; its body is never read. */
export interface HttpRequest {
  readonly method: string;
  /** Without the query, still percent-encoded. */
  readonly path: string;
  /** Remote address without port. */
  readonly address: string;
}

export interface HttpRoutesParts extends OperatorPagesParts {
  readonly limiter: RateLimiter;
  readonly onLimited: () => void;
  readonly serverInfo: () => JsonInput;
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
  readonly #operator: OperatorPages;
  readonly #anyMethod: ReadonlyMap<string, Route>;
  readonly #getOnly: ReadonlyMap<string, Route>;

  constructor(parts: HttpRoutesParts) {
    this.#parts = parts;
    this.#operator = new OperatorPages(parts);
    this.#anyMethod = new Map<string, Route>([
      ['/healthz', () => this.#operator.health()],
      ['/readyz', () => this.#operator.readiness()],
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

  /** Until there are admin tokens, only this machine may look. */
  #metrics(request: HttpRequest): HttpAnswer | Promise<HttpAnswer> {
    return isLoopback(request.address) ? this.#operator.metrics() : PROBLEMS.forbidden;
  }
}
