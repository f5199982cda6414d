import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { MetricFamily, type Tally } from './metric-family.ts';
import {
  type CounterName,
  type GaugeName,
  type HistogramName,
  type LabelArguments,
  METRICS,
  type Metric,
  type MetricName,
} from './metric-table.ts';

/** Resolve it once, keep it, `add` as often as you like: one addition, nothing allocated. */
export interface CounterHandle {
  /** @param amount 0 or more. @default 1 */
  add(amount?: number): void;
}

export interface GaugeHandle {
  /** @param amount may be negative. @default 1 */
  add(amount?: number): void;
  set(value: number): void;
}

export interface HistogramHandle {
  observe(value: number): void;
}

export interface Metrics {
  counter<N extends CounterName>(name: N, ...labels: LabelArguments<N>): CounterHandle;
  gauge<N extends GaugeName>(name: N, ...labels: LabelArguments<N>): GaugeHandle;
  histogram<N extends HistogramName>(name: N): HistogramHandle;
  /** As `gaugeFrom`, for a count that something else keeps and that never goes back. */
  counterFrom<N extends CounterName>(name: N, read: () => number, ...labels: LabelArguments<N>): void;
  /** Asks `read` at each scrape instead of being told; a later call for the same labels replaces it. */
  gaugeFrom<N extends GaugeName>(name: N, read: () => number, ...labels: LabelArguments<N>): void;
  /**
   * The Prometheus text format, metrics of the process and of the event loop included.
   * @param others what other threads have counted in the same metrics; gauges are added up as well, unless the table says
   *   otherwise
   */
  expose(others?: readonly MetricsSnapshot[]): Promise<string>;
  /** The numbers of the table, for another thread's `expose`. */
  snapshot(): Promise<MetricsSnapshot>;
  readonly contentType: string;
}

/** Plain data that survives the way to another thread. */
export type MetricsSnapshot = readonly { readonly name: string; readonly type: string }[];

export interface MetricsOptions {
  /** Adds the `process_*` and `nodejs_*` metrics of prom-client. @default false */
  readonly processMetrics?: boolean;
}

export function createMetrics(options: MetricsOptions = {}): Metrics {
  const registry = new Registry();
  const families = new Map<string, MetricFamily>();
  const histograms = new Map<string, Histogram>();
  for (const [name, metric] of Object.entries<Metric>(METRICS)) {
    if (metric.type === 'histogram') histograms.set(name, histogram(registry, name, metric));
    else families.set(name, family(registry, name, metric));
  }
  if (options.processMetrics === true) collectDefaultMetrics({ register: registry });

  const tally = (name: MetricName, labels: object | undefined): Tally => {
    const found = families.get(name);
    if (found === undefined) throw new TypeError(`${name} is a histogram`);
    return found.tally(labels === undefined ? {} : { ...labels });
  };
  return {
    counter: (name, ...[labels]) => tally(name, labels),
    gauge: (name, ...[labels]) => tally(name, labels),
    histogram: (name) => {
      const found = histograms.get(name);
      if (found === undefined) throw new TypeError(`${name} is not a histogram`);
      return found;
    },
    counterFrom: (name, read, ...[labels]) => {
      tally(name, labels).source = read;
    },
    gaugeFrom: (name, read, ...[labels]) => {
      tally(name, labels).source = read;
    },
    expose: (others = []) => (others.length === 0 ? registry.metrics() : exposeTogether(registry, others)),
    snapshot: () => snapshotOf(registry),
    contentType: registry.contentType,
  };
}

async function snapshotOf(registry: Registry): Promise<MetricsSnapshot> {
  const metrics = await registry.getMetricsAsJSON();
  return metrics
    .filter(({ name }) => Object.hasOwn(METRICS, name))
    .map((metric) => ({ ...metric, type: String(metric.type) }));
}

async function exposeTogether(registry: Registry, others: readonly MetricsSnapshot[]): Promise<string> {
  const ours = await snapshotOf(registry);
  const table = await AggregatorRegistry.aggregate([ours, ...others]).metrics();
  const process = registry.getMetricsAsArray().filter(({ name }) => !Object.hasOwn(METRICS, name));
  const pages = await Promise.all(process.map(({ name }) => registry.getSingleMetricAsString(name)));
  return [table, ...pages.map((page) => `${page}\n`)].join('\n');
}

/** What threads that are gone have counted, in one snapshot: counters and histograms never go back. */
export async function sumOfCounts(snapshots: readonly MetricsSnapshot[]): Promise<MetricsSnapshot> {
  const counts = snapshots.map((snapshot) => snapshot.filter(({ type }) => type !== 'gauge'));
  const sum = await AggregatorRegistry.aggregate(counts).getMetricsAsJSON();
  return sum.map((metric) => ({ ...metric, type: String(metric.type) }));
}

function histogram(registry: Registry, name: string, metric: Metric): Histogram {
  return new Histogram({
    name,
    help: metric.help,
    buckets: [...(metric.buckets ?? [])],
    registers: [registry],
  });
}

/** The numbers live in the family; prom-client only sees them when somebody scrapes. */
function family(registry: Registry, name: string, metric: Metric): MetricFamily {
  const created = new MetricFamily(metric);
  const { help, labels, merge: aggregator = 'sum' } = metric;
  const shared = { name, help, aggregator, labelNames: Object.keys(labels), registers: [] };
  const exposed =
    metric.type === 'counter'
      ? new Counter({
          ...shared,
          collect() {
            this.reset();
            for (const [labels, value] of created.samples()) this.inc(labels, value);
          },
        })
      : new Gauge({
          ...shared,
          collect() {
            this.reset();
            for (const [labels, value] of created.samples()) this.set(labels, value);
          },
        });
  registry.registerMetric(exposed);
  return created;
}
