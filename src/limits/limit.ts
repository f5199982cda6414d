/** What a limit is about: the order of the sections of `docs/limits.md`. */
export const LIMIT_GROUPS = {
  connection: 'Connections and requests',
  handshake: 'Handshakes',
  session: 'Sessions',
  channel: 'Channels',
  mail: 'Mail',
  wire: 'The wire',
  operator: "The operator's side",
} as const;

export type LimitGroup = keyof typeof LIMIT_GROUPS;

/** Sections of the configuration that hold limits, by their name in `Config`. */
export type LimitSection = 'limits' | 'server' | 'rateLimit';

/** One row of the table of limits. */
export interface Limit {
  readonly group: LimitGroup;
  /** What is bounded, for whom, and in which unit. */
  readonly doc: string;
  /** The limit itself, or its default where an operator may change it. */
  readonly value: number;
  /** Present: the operator may choose from this range, both ends included. */
  readonly range?: readonly [minimum: number, maximum: number];
  /** Where the key stands; with `range`. */
  readonly section?: LimitSection;
  /** Name of the environment variable where it is not the usual one. */
  readonly env?: string;
  /** What happens at the limit, as the peer sees it. */
  readonly atLimit: string;
  /** `reached`: counted by `commucat_limit_reached_total`; else the metric that shows it. */
  readonly metric: string;
}
