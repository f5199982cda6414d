import type { Metrics } from '../../telemetry/index.ts';
import type { HttpAnswer } from './problem.ts';

export interface OperatorPagesParts {
  readonly metrics: Pick<Metrics, 'contentType' | 'expose'>;
  /** Whether everything that the server needs is up. */
  readonly ready: () => Promise<boolean>;
  readonly version: string;
  readonly uptimeSeconds: () => number;
  /** Open sessions. */
  readonly connections: () => Promise<number>;
}

/** What operators and load balancers look at; the same on every listener. */
export class OperatorPages {
  readonly #parts: OperatorPagesParts;

  constructor(parts: OperatorPagesParts) {
    this.#parts = parts;
  }

  /** `/healthz`: the process lives. */
  async health(): Promise<HttpAnswer> {
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

  /** `/readyz`: whether traffic should come. */
  async readiness(): Promise<HttpAnswer> {
    const ready = await this.#parts.ready();
    const headers = { 'content-type': 'text/plain' };
    return ready ? { status: 200, headers, body: 'ready' } : { status: 503, headers, body: 'degraded' };
  }

  /** `/metrics`, for Prometheus. */
  async metrics(): Promise<HttpAnswer> {
    const { metrics } = this.#parts;
    return { status: 200, headers: { 'content-type': metrics.contentType }, body: await metrics.expose() };
  }
}
