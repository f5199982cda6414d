import { keyRows } from '../src/config/schema.ts';
import { LIMIT_GROUPS, type LimitRow, limitRows } from '../src/limits/index.ts';
import { METRICS } from '../src/telemetry/metric-table.ts';

/** `limits.mailbox_frames`, by the name in the table. */
const CONFIG_KEYS = new Map(keyRows().map(({ field, fullName }) => [field.join('.'), fullName]));

function keyOf({ section, name, range }: LimitRow): string {
  if (section === undefined || range === undefined) return '–';
  const key = CONFIG_KEYS.get(`${section}.${name}`);
  if (key === undefined) throw new Error(`the configuration has no key for the limit ${name}`);
  return `\`${key}\`, ${range[0]} to ${range[1]}`;
}

function metricOf({ label, metric }: LimitRow): string {
  if (metric === 'reached') return 'counted';
  if (metric !== '–' && !Object.hasOwn(METRICS, metric)) {
    throw new Error(`the limit ${label} names no metric: ${metric}`);
  }
  return metric === '–' ? '–' : `\`${metric}\``;
}

function rowText(row: LimitRow): string {
  const cells = [`\`${row.label}\``, row.doc, String(row.value), keyOf(row), row.atLimit, metricOf(row)];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function sectionText(group: string, title: string): string {
  const rows = limitRows().filter((row) => row.group === group);
  return `## ${title}

| Name | What | Limit | Key and range | At the limit | Metric |
|---|---|---|---|---|---|
${rows.map(rowText).join('\n')}
`;
}

/** `docs/limits.md`. */
export function renderLimitsPage(): string {
  const sections = Object.entries(LIMIT_GROUPS).map(([group, title]) => sectionText(group, title));
  return `<!-- Written by \`npm run docs -- limits\` from src/limits; do not edit. -->

# Limits

Everything that a stranger, a client or a device may use has a limit, and all limits are in this table. Those with a
key are defaults and can be changed in the configuration (\`docs/configuration.md\`); the others are fixed.

*Metric*: "counted" means \`commucat_limit_reached_total{limit="NAME"}\`, which counts how often the limit was reached;
elsewhere the metric that shows it is named. An address is an IPv4 address or an IPv6 /64.

A limit that a well-behaved client can reach (the rate of a session, its backlog, the window) holds the client back by
flow control and loses nothing. One that only a broken or hostile client reaches ends the stream or the connection.

${sections.join('\n')}`;
}
