/** How long a category of streams is kept; each retention class has its own family of segment files. */
export type RetentionClass = 'facts' | 'journal' | 'mail';

export const RETENTION_CLASSES: readonly RetentionClass[] = ['facts', 'journal', 'mail'];

/** What a stream keeps unless its own metadata says otherwise. */
export interface CategoryRetention {
  readonly retention: RetentionClass;
  /** Seconds. @default no limit */
  readonly maxAge?: number;
  /** Only the newest n events. @default no limit */
  readonly maxCount?: number;
}

/** The category of a stream is the part of its name before the first `-`. */
export function categoryOf(stream: string): string {
  const dash = stream.indexOf('-');
  return dash < 0 ? stream : stream.slice(0, dash);
}
