import { type Metric, OPEN_LABEL_LIMIT } from './metric-table.ts';

export type Labels = Readonly<Record<string, string>>;

/** One number of a metric. */
export class Tally {
  value = 0;
  /** When set, its result is the value. */
  source: (() => number) | undefined;

  add(amount = 1): void {
    this.value += amount;
  }

  set(value: number): void {
    this.value = value;
  }
}

/** All numbers of one metric, by label values. Their count is bounded: peers can influence the values of open labels. */
export class MetricFamily {
  readonly #metric: Metric;
  readonly #tallies = new Map<string, { readonly labels: Labels; readonly tally: Tally }>();
  readonly #openValues = new Map<string, Set<string>>();

  constructor(metric: Metric) {
    this.#metric = metric;
    for (const labels of closedCombinations(metric)) this.tally(labels);
  }

  /** @throws TypeError for a label or a value that the table does not have. */
  tally(labels: Labels): Tally {
    const bounded = this.#bounded(labels);
    const key = JSON.stringify(Object.values(bounded));
    const known = this.#tallies.get(key);
    if (known !== undefined) return known.tally;
    const tally = new Tally();
    this.#tallies.set(key, { labels: bounded, tally });
    return tally;
  }

  *samples(): Iterable<readonly [Labels, number]> {
    for (const { labels, tally } of this.#tallies.values()) {
      yield [labels, tally.source === undefined ? tally.value : tally.source()];
    }
  }

  #bounded(labels: Labels): Labels {
    const bounded: Record<string, string> = {};
    for (const [label, allowed] of Object.entries(this.#metric.labels)) {
      const value = labels[label];
      if (value === undefined || (allowed !== 'open' && !allowed.includes(value))) {
        throw new TypeError(`label ${label}: ${value ?? 'nothing'} is not in the table of metrics`);
      }
      bounded[label] = allowed === 'open' ? this.#admitted(label, value) : value;
    }
    return bounded;
  }

  #admitted(label: string, value: string): string {
    const values = this.#openValues.get(label) ?? new Set();
    this.#openValues.set(label, values);
    if (!values.has(value) && values.size >= OPEN_LABEL_LIMIT) return 'other';
    values.add(value);
    return value;
  }
}

/** Every combination of label values; none when a label is open. */
function closedCombinations(metric: Metric): Labels[] {
  let combinations: Labels[] = [{}];
  for (const [label, values] of Object.entries(metric.labels)) {
    if (values === 'open') return [];
    combinations = combinations.flatMap((labels) => values.map((value) => ({ ...labels, [label]: value })));
  }
  return combinations;
}
