import { categoryRetention } from '../../events/retention.ts';
import type { StreamMetadata } from '../event-log.ts';
import type { CategoryRetention } from '../retention.ts';

/** The limits in force of one stream: its own metadata over the defaults of its category. */
export interface StreamLimits {
  /** Milliseconds; Infinity: no limit. */
  readonly maxAgeMs: number;
  /** Infinity: no limit. */
  readonly maxCount: number;
}

/** Of streams without metadata of their own: there may be millions of them in memory. */
const DEFAULTS = new Map<CategoryRetention, StreamLimits>();

export function limitsOf(stream: string, own: StreamMetadata | undefined): StreamLimits {
  const category = categoryRetention(stream);
  if (own !== undefined) return limits(own.maxAge ?? category.maxAge, own.maxCount ?? category.maxCount);
  let shared = DEFAULTS.get(category);
  if (shared === undefined) {
    shared = limits(category.maxAge, category.maxCount);
    DEFAULTS.set(category, shared);
  }
  return shared;
}

function limits(maxAge: number | undefined, maxCount: number | undefined): StreamLimits {
  return {
    maxAgeMs: maxAge === undefined ? Number.POSITIVE_INFINITY : maxAge * 1000,
    maxCount: maxCount ?? Number.POSITIVE_INFINITY,
  };
}

/** The new metadata of a stream: replaces the old, but a truncation is never taken back. */
export function replacedMetadata(old: StreamMetadata | undefined, next: StreamMetadata): StreamMetadata {
  const truncateBefore = Math.max(old?.truncateBefore ?? 0, next.truncateBefore ?? 0);
  const { maxAge, maxCount } = next;
  return {
    ...(maxAge === undefined ? {} : { maxAge }),
    ...(maxCount === undefined ? {} : { maxCount }),
    ...(truncateBefore === 0 ? {} : { truncateBefore }),
  };
}
