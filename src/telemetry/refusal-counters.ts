import { type CountedLimit, limitLabel } from '../limits/index.ts';
import type { CounterHandle, Metrics } from './metrics.ts';

/** What peers can make move with every frame, and once more for each of its recipients. */
export interface RefusalCounters {
  /** A limit of docs/limits.md was reached. */
  limitReached(limit: CountedLimit): void;
  /** An ERROR was sent, with this code. */
  errorSent(code: string): void;
}

/** Counters of refusals, each looked up once: to refuse must cost less than to serve. */
export function refusalCounters(metrics: Pick<Metrics, 'counter'>): RefusalCounters {
  const limits = new Map<CountedLimit, CounterHandle>();
  const errors = new Map<string, CounterHandle>();
  return {
    limitReached: (limit) =>
      kept(limits, limit, () =>
        metrics.counter('commucat_limit_reached_total', { limit: limitLabel(limit) }),
      ).add(),
    errorSent: (code) =>
      kept(errors, code, () => metrics.counter('commucat_errors_sent_total', { code })).add(),
  };
}

function kept<Key>(handles: Map<Key, CounterHandle>, key: Key, find: () => CounterHandle): CounterHandle {
  const known = handles.get(key);
  if (known !== undefined) return known;
  const handle = find();
  handles.set(key, handle);
  return handle;
}
