/** How long a category of streams is kept; each retention class has its own family of segment files. */
export type RetentionClass = 'facts' | 'journal' | 'mail';

/** The category of a stream is the part of its name before the first `-`. */
export function categoryOf(stream: string): string {
  const dash = stream.indexOf('-');
  return dash < 0 ? stream : stream.slice(0, dash);
}

const RETENTION: Readonly<Record<string, RetentionClass>> = {
  handle: 'facts',
  user: 'facts',
  device: 'facts',
  channel: 'facts',
  secret: 'facts',
  session: 'journal',
  audit: 'journal',
  call: 'journal',
  mail: 'mail',
  inbox: 'mail',
};

/** Unknown categories are facts: nothing is ever dropped by mistake. */
export function retentionOf(stream: string): RetentionClass {
  return RETENTION[categoryOf(stream)] ?? 'facts';
}
