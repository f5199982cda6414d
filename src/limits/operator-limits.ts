import type { Limit } from './limit.ts';

const MIB = 1_048_576;

/** What the server's own output and its operator's door may cost. */
export const OPERATOR_LIMITS = {
  logOutputBytes: {
    group: 'operator',
    doc: "Bytes of the server's own log lines that wait while its output takes nothing.",
    value: MIB,
    atLimit: 'lines are lost; how many is said in the log when the output works again',
    metric: 'commucat_log_lines_lost_total',
  },
} as const satisfies Readonly<Record<string, Limit>>;
