import type { CountedLimit } from '../../limits/index.ts';
import {
  type CounterHandle,
  frameCounters,
  type HistogramHandle,
  type Metrics,
  type RefusalCounters,
  refusalCounters,
} from '../../telemetry/index.ts';
import type { TicketFault } from '../admission/tickets.ts';
import type { ConnectMode } from '../transports/connect-mode.ts';

export type HandshakeEnd = 'established' | 'rejected' | 'abandoned';

/** What the gateway counts. Sessions that open and close, and frames that arrive, are the relay's to count. */
export class GatewayCounters {
  readonly handshakeSeconds: HistogramHandle;
  readonly slowPeers: CounterHandle;
  readonly limitedRequests: CounterHandle;
  readonly limitedHandshakes: CounterHandle;
  /** WebSocket text messages that were no base64. */
  readonly droppedTexts: CounterHandle;
  /** By frame type code. */
  readonly egress: readonly (CounterHandle | undefined)[];
  readonly #metrics: Metrics;
  readonly #refusals: RefusalCounters;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#refusals = refusalCounters(metrics);
    this.handshakeSeconds = metrics.histogram('commucat_handshake_seconds');
    this.slowPeers = metrics.counter('commucat_slow_peers_closed_total');
    this.limitedRequests = metrics.counter('commucat_rate_limit_http');
    this.limitedHandshakes = metrics.counter('commucat_rate_limit_connect');
    this.droppedTexts = metrics.counter('commucat_websocket_texts_dropped_total');
    this.egress = frameCounters(metrics, 'commucat_frames_egress');
  }

  /** A request that was let in, before its handshake. */
  connect(mode: ConnectMode, http: '1.1' | '2'): void {
    this.#metrics.counter('commucat_connects_total', { mode, http }).add();
  }

  handshake(pattern: 'XK' | 'IK' | 'unknown', result: HandshakeEnd): void {
    this.#metrics.counter('commucat_handshakes_total', { pattern, result }).add();
  }

  /** A request for `/connect` had a ticket. */
  ticket(result: 'valid' | TicketFault): void {
    this.#metrics.counter('commucat_connect_tickets_total', { result }).add();
  }

  handshakeFailed(reason: string): void {
    this.#metrics.counter('commucat_handshakes_rejected_total', { reason }).add();
  }

  /** A limit of docs/limits.md was reached. */
  limitReached(limit: CountedLimit): void {
    this.#refusals.limitReached(limit);
  }

  /** A peer broke HTTP or its limits. `code`: the error of the HTTP implementation. */
  httpViolated(code: string): void {
    this.#metrics.counter('commucat_http_violations_total', { code }).add();
  }

  /** An ERROR that the gateway itself sends. */
  errorSent(code: string): void {
    this.#refusals.errorSent(code);
  }
}
