import { CONNECTION_LIMITS } from './connection-limits.ts';
import type { Limit } from './limit.ts';
import { OPERATOR_LIMITS } from './operator-limits.ts';
import { SESSION_LIMITS } from './session-limits.ts';
import { WIRE_LIMITS } from './wire-limits.ts';

/**
 * Every limit of the server, once: its default, what may be configured, what happens at it and where that is counted.
 * The configuration keys, the labels of `commucat_limit_reached_total` and `docs/limits.md` come from here.
 */
export const LIMIT_TABLE = {
  ...CONNECTION_LIMITS,
  ...SESSION_LIMITS,
  ...WIRE_LIMITS,
  ...OPERATOR_LIMITS,
} as const;

export type LimitName = keyof typeof LIMIT_TABLE;

/** Limits that `commucat_limit_reached_total` counts. */
export type CountedLimit = {
  [N in LimitName]: (typeof LIMIT_TABLE)[N]['metric'] extends 'reached' ? N : never;
}[LimitName];

export interface LimitRow extends Limit {
  readonly name: LimitName;
  /** Its name in files, metrics and errors. */
  readonly label: string;
}

/** `mailboxFrames` -> `mailbox_frames`. */
export function limitLabel(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

export function limitRows(): readonly LimitRow[] {
  return Object.entries<Limit>(LIMIT_TABLE).map(([name, limit]) => ({
    ...limit,
    name: name as LimitName,
    label: limitLabel(name),
  }));
}

/** The label values of `commucat_limit_reached_total`. */
export function countedLimits(): readonly string[] {
  return limitRows()
    .filter(({ metric }) => metric === 'reached')
    .map(({ label }) => label);
}
