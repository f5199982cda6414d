import { METRICS, type Metric, OPEN_LABEL_LIMIT } from './metric-table.ts';

function labelsOf(metric: Metric): string {
  const labels = Object.entries(metric.labels).map(([label, values]) => {
    if (values === 'open') return `\`${label}\``;
    if (label === 'limit') return '`limit`: a name of docs/limits.md';
    return values.length > 6 ? `\`${label}\`: a frame type` : `\`${label}\`: ${values.join(', ')}`;
  });
  return labels.join('; ');
}

/** `docs/metrics.md`. */
export function renderMetricsPage(): string {
  const rows = Object.entries<Metric>(METRICS).map(
    ([name, metric]) => `| \`${name}\` | ${metric.type} | ${labelsOf(metric)} | ${metric.help} |`,
  );
  return `<!-- Written by \`npm run docs:metrics\` from src/telemetry/metric-table.ts; do not edit. -->

# Metrics

\`GET /metrics\` at \`server.operator_bind\`, and from loopback addresses on the main listener, in the Prometheus text format.

A label without a list of values has at most ${OPEN_LABEL_LIMIT} different ones; what comes later counts as \`other\`. Labels with a list
exist from the start, at 0.

| Name | Type | Labels | Meaning |
|---|---|---|---|
${rows.join('\n')}

Besides, the metrics of the process and of Node that prom-client provides: \`process_*\` (CPU, memory, file descriptors)
and \`nodejs_*\`, with \`nodejs_eventloop_lag_*\` for the delay of the event loop.
`;
}
