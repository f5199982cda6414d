/** How long a category of streams is kept; each retention class has its own family of segment files. */
export type RetentionClass = 'facts' | 'journal' | 'mail';

export const RETENTION_CLASSES: readonly RetentionClass[] = ['facts', 'journal', 'mail'];

/** The category of a stream is the part of its name before the first `-`. */
export function categoryOf(stream: string): string {
  const dash = stream.indexOf('-');
  return dash < 0 ? stream : stream.slice(0, dash);
}

export interface CategoryRetention {
  readonly retention: RetentionClass;
  /** Seconds; holds for streams without a `maxAge` of their own. */
  readonly maxAge?: number;
  /** Holds for streams without a `maxCount` of their own. */
  readonly maxCount?: number;
}

const DAY = 86_400;
const FACTS: CategoryRetention = { retention: 'facts' };

/** What a stream of this category keeps unless its own metadata says otherwise. */
export const CATEGORY_RETENTION: Readonly<Record<string, CategoryRetention>> = {
  handle: FACTS,
  user: FACTS,
  profile: { retention: 'facts', maxCount: 1 },
  device: FACTS,
  channel: FACTS,
  group: FACTS,
  secret: FACTS,
  history: FACTS,
  session: { retention: 'journal', maxAge: 30 * DAY },
  sessions: { retention: 'journal', maxAge: 90 * DAY, maxCount: 1 },
  audit: { retention: 'journal', maxAge: 30 * DAY },
  call: { retention: 'journal', maxAge: 90 * DAY },
  mail: { retention: 'mail' },
  inbox: { retention: 'mail', maxCount: 1 },
};

/** Unknown categories are facts: nothing is ever dropped by mistake. */
export function categoryRetention(stream: string): CategoryRetention {
  const category = categoryOf(stream);
  return Object.hasOwn(CATEGORY_RETENTION, category) ? (CATEGORY_RETENTION[category] ?? FACTS) : FACTS;
}

export function retentionOf(stream: string): RetentionClass {
  return categoryRetention(stream).retention;
}
