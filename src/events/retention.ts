import { type CategoryRetention, categoryOf, type RetentionClass } from '../log/retention.ts';
import { STREAMS } from './streams.ts';

const BY_CATEGORY: ReadonlyMap<string, CategoryRetention> = new Map(
  Object.values(STREAMS).map(({ category, retention }) => [category, retention]),
);

/** Unknown categories are facts: nothing is ever dropped by mistake. */
const UNKNOWN: CategoryRetention = { retention: 'facts' };

/** What a stream keeps, by the table of streams, unless its own metadata says otherwise. */
export function categoryRetention(stream: string): CategoryRetention {
  return BY_CATEGORY.get(categoryOf(stream)) ?? UNKNOWN;
}

export function retentionOf(stream: string): RetentionClass {
  return categoryRetention(stream).retention;
}
