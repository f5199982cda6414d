import { countedLimits } from '../limits/index.ts';
import { FRAME, type FrameName } from '../protocol/frames/frame-types.ts';

/**
 * Values of a label: a list (every combination exists from the start, at 0), or `open`: named when they first occur, at
 * most `OPEN_LABEL_LIMIT` of them, then `other`.
 */
export type LabelValues = readonly string[] | 'open';

export interface Metric {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: Readonly<Record<string, LabelValues>>;
  readonly help: string;
  /** Histograms: upper bounds. */
  readonly buckets?: readonly number[];
  /** How gauges of several threads become one. @default 'sum' */
  readonly merge?: 'sum' | 'max';
}

export const OPEN_LABEL_LIMIT = 64;

type FrameLabel = Lowercase<FrameName>;
const FRAME_LABELS = Object.keys(FRAME).map((name) => name.toLowerCase()) as readonly FrameLabel[];
const GENERATIONS = ['records', 'plaintext'] as const;
const SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5] as const;
const SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096] as const;
const HANDSHAKE_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/**
 * Every metric of the server, once; the registry and `docs/metrics.md` come from here. Names without `_total` are the
 * reference server's, kept for its dashboards.
 */
export const METRICS = {
  commucat_connections_active: {
    type: 'gauge',
    labels: { generation: GENERATIONS },
    help: 'Sessions that have finished their handshake and are open.',
  },
  commucat_connects_total: {
    type: 'counter',
    labels: { mode: ['binary', 'sse', 'long-poll', 'websocket'], http: ['1.1', '2'] },
    help: 'Requests to /connect that were let in, by mode and version of HTTP (1.0 counts as 1.1).',
  },
  commucat_connect_tickets_total: {
    type: 'counter',
    labels: { result: ['valid', 'expired', 'invalid'] },
    help: 'Requests to /connect with the ticket of a device that was in before, by what it was worth.',
  },
  commucat_websocket_texts_dropped_total: {
    type: 'counter',
    labels: {},
    help: 'WebSocket text messages that were dropped because they are no base64.',
  },
  commucat_handshakes_total: {
    type: 'counter',
    labels: { pattern: ['XK', 'IK', 'unknown'], result: ['established', 'rejected', 'abandoned'] },
    help: 'Handshakes by Noise pattern and end; abandoned: the peer went away or the deadline passed.',
  },
  commucat_handshakes_rejected_total: {
    type: 'counter',
    labels: { reason: 'open' },
    help: 'Rejected and abandoned handshakes by internal reason, which the peer does not learn.',
  },
  commucat_handshake_seconds: {
    type: 'histogram',
    labels: {},
    help: 'Time from the start of /connect to the handshake ACK.',
    buckets: HANDSHAKE_SECONDS,
  },
  commucat_plaintext_sessions_total: {
    type: 'counter',
    labels: {},
    help: 'Sessions of the older generation, whose frames only TLS protects.',
  },
  commucat_sessions_closed_total: {
    type: 'counter',
    labels: { reason: 'open' },
    help: 'Sessions that ended, by reason.',
  },
  commucat_slow_peers_closed_total: {
    type: 'counter',
    labels: {},
    help: 'Sessions closed because their connection took nothing for limits.write_stall_ms.',
  },
  commucat_gateway_workers: {
    type: 'gauge',
    labels: {},
    help: 'Gateway workers that accept connections; 0 without server.workers.',
  },
  commucat_gateway_workers_died_total: {
    type: 'counter',
    labels: {},
    help: 'Gateway workers that ended by themselves. Their sessions were closed, and another took their place.',
  },
  commucat_gateway_worker_busy_ratio: {
    type: 'gauge',
    labels: { worker: 'open' },
    help: 'Share of the time since it began in which a gateway worker was busy, 0 to 1.',
  },
  commucat_gateway_worker_pending_bytes: {
    type: 'gauge',
    labels: { worker: 'open' },
    help: 'Bytes handed to a gateway worker that it has not worked off.',
  },
  commucat_gateway_relay_pending_bytes: {
    type: 'gauge',
    labels: {},
    help: 'Bytes that gateway workers have handed to the relay and that it has not worked off, all together.',
  },
  commucat_frames_ingress: {
    type: 'counter',
    labels: { type: FRAME_LABELS },
    help: 'Frames received, by type.',
  },
  commucat_frames_egress: { type: 'counter', labels: { type: FRAME_LABELS }, help: 'Frames sent, by type.' },
  commucat_frames_withheld_total: {
    type: 'counter',
    labels: { type: FRAME_LABELS },
    help: 'Frames not sent to clients of the older generation because those cannot read them.',
  },
  commucat_frames_dropped_total: {
    type: 'counter',
    labels: { type: FRAME_LABELS },
    help: 'Live-only frames dropped because the connection of their recipient was full.',
  },
  commucat_errors_sent_total: {
    type: 'counter',
    labels: { code: 'open' },
    help: 'ERROR frames sent, by error code.',
  },
  commucat_relay_posted_total: {
    type: 'counter',
    labels: {},
    help: 'Messages made durable, one per message.',
  },
  commucat_relay_for_nobody_total: {
    type: 'counter',
    labels: {},
    help: 'Messages acknowledged that no device gets: nobody else takes part in the channel, or nobody has room.',
  },
  commucat_relay_enqueued: {
    type: 'counter',
    labels: {},
    help: 'Entries put into mailboxes, one per message and recipient.',
  },
  commucat_relay_delivered_total: {
    type: 'counter',
    labels: {},
    help: 'Mailbox entries that their device has confirmed, or whose bytes its connection has taken.',
  },
  commucat_relay_redelivered_total: {
    type: 'counter',
    labels: {},
    help: 'Mailbox entries sent again after a reconnect.',
  },
  commucat_relay_expired_total: {
    type: 'counter',
    labels: {},
    help: 'Mailbox entries dropped undelivered after limits.relay_ttl.',
  },
  commucat_actors_active: {
    type: 'gauge',
    labels: { kind: ['session', 'channel', 'group', 'call'] },
    help: 'Actors in memory.',
  },
  commucat_channels_open: {
    type: 'gauge',
    labels: { kind: ['ad_hoc', 'group'] },
    help: 'Channels in which somebody takes part, and groups that have not ended.',
  },
  commucat_calls_active: {
    type: 'gauge',
    labels: {},
    help: 'Running calls that this process has seen: offered, answered, not ended.',
  },
  commucat_calls_total: { type: 'counter', labels: {}, help: 'Calls offered.' },
  commucat_call_voice_frames: { type: 'counter', labels: {}, help: 'VOICE_FRAMEs received.' },
  commucat_call_video_frames: { type: 'counter', labels: {}, help: 'VIDEO_FRAMEs received.' },
  commucat_limit_reached_total: {
    type: 'counter',
    labels: { limit: countedLimits() },
    help: 'How often a limit of docs/limits.md was reached, by its name.',
  },
  commucat_http_violations_total: {
    type: 'counter',
    labels: { code: 'open' },
    help: 'Connections and requests that broke HTTP or its limits and were ended, by the error of the HTTP implementation.',
  },
  commucat_connections_refused_total: {
    type: 'counter',
    labels: { listener: ['tls', 'plain'], reason: 'open' },
    help: 'Connections that ended before their first byte of HTTP, by reason: no or a wrong PROXY header, a forged one, a failed TLS handshake, an address that the plain listener is not for.',
  },
  commucat_tls_certificate_expires_seconds: {
    type: 'gauge',
    labels: {},
    merge: 'max',
    help: 'When the TLS certificate in use ends, in seconds since the Unix epoch.',
  },
  commucat_tls_certificate_loads_total: {
    type: 'counter',
    labels: { result: ['loaded', 'refused'] },
    help: 'TLS certificates that replaced the one in use, and files that were refused because they are broken or do not belong together.',
  },
  commucat_rate_limit_http: {
    type: 'counter',
    labels: {},
    help: 'Requests refused by security.rate_limit.http_*.',
  },
  commucat_rate_limit_connect: {
    type: 'counter',
    labels: {},
    help: 'Handshakes refused by security.rate_limit.connect_* and known_*.',
  },
  commucat_rate_limit_addresses: {
    type: 'gauge',
    labels: { scope: ['http', 'connect', 'known', 'device'] },
    help: 'Addresses, or devices, in the rate limiters; the limit is security.rate_limit.max_addresses.',
  },
  commucat_rate_limit_evicted_total: {
    type: 'counter',
    labels: { scope: ['http', 'connect', 'known', 'device'] },
    help: 'Addresses or devices forgotten early because the table was full. Growth means an attack from many addresses.',
  },
  commucat_log_flush_events: {
    type: 'histogram',
    labels: {},
    help: 'Records in one flush of the log (group commit).',
    buckets: SIZES,
  },
  commucat_log_flush_seconds: {
    type: 'histogram',
    labels: {},
    help: 'Duration of one flush: writing through to the disk.',
    buckets: SECONDS,
  },
  commucat_log_append_failures_total: {
    type: 'counter',
    labels: { reason: 'open' },
    help: 'Appends that the log refused, by reason. None of them was acknowledged.',
  },
  commucat_log_lines_lost_total: {
    type: 'counter',
    labels: {},
    help: "Lines of the server's own output that were lost because nothing took them: a full disk, a reader that stopped.",
  },
  commucat_log_index_rebuilt_total: {
    type: 'counter',
    labels: { reason: ['missing', 'damaged'] },
    help: 'Segments of the log whose index was made anew from the segment: it was missing (after a kill), or damaged.',
  },
  commucat_log_healthy: {
    type: 'gauge',
    labels: {},
    help: '1 while the log takes appends, 0 after a failed write.',
  },
  commucat_log_head_position: { type: 'gauge', labels: {}, help: 'Position of the newest durable event.' },
  commucat_projection_lag_events: {
    type: 'gauge',
    labels: { projection: 'open' },
    help: 'Positions between the head of the log, as it is now, and the last known checkpoint of a read model, also while the database is away.',
  },
  commucat_projection_failures_total: {
    type: 'counter',
    labels: { kind: ['poison', 'outage'] },
    help: 'Read models that stopped at an event they cannot handle (poison), and failures of the database (outage).',
  },
  commucat_projection_rebuilds_total: {
    type: 'counter',
    labels: { reason: ['version', 'epoch', 'ahead', 'anchor'] },
    help: 'Read models that were dropped and built again: made by another version, from another history of the log (epoch), ahead of its head, or from another log (anchor).',
  },
  commucat_projection_write_seconds: {
    type: 'histogram',
    labels: {},
    help: 'Duration of the transactions that bring read models up to date.',
    buckets: SECONDS,
  },
} as const satisfies Readonly<Record<`commucat_${string}`, Metric>>;

export type MetricName = keyof typeof METRICS;

type NamesOfType<T extends Metric['type']> = {
  [N in MetricName]: (typeof METRICS)[N]['type'] extends T ? N : never;
}[MetricName];

export type CounterName = NamesOfType<'counter'>;
export type GaugeName = NamesOfType<'gauge'>;
export type HistogramName = NamesOfType<'histogram'>;

type ValueOf<V> = V extends readonly (infer T)[] ? T : string;

/** The labels of a metric, each with the values that it may have. */
export type LabelsOf<N extends MetricName> = {
  readonly [L in keyof (typeof METRICS)[N]['labels']]: ValueOf<(typeof METRICS)[N]['labels'][L]>;
};

/** The argument that names the labels: none for a metric without labels. */
export type LabelArguments<N extends MetricName> = keyof (typeof METRICS)[N]['labels'] extends never
  ? []
  : [labels: LabelsOf<N>];
