import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const SCENARIOS = ['relay', 'latency', 'handshakes', 'idle'] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

export interface BenchOptions {
  readonly only: readonly ScenarioName[];
  /** Times that the limit and ours are measured in turn. */
  readonly rounds: number;
  /** Length of one measurement, without its warm-up. */
  readonly seconds: number;
  /** Sessions of the idle scenario. */
  readonly sessions: number;
  /** File for the results. */
  readonly json: string | undefined;
  /** Folder for CPU profiles of the server. */
  readonly profile: string | undefined;
}

const USAGE = `npm run bench -- [--only ${SCENARIOS.join(',')}] [--rounds 3] [--seconds 5] [--sessions 1000]
                 [--json FILE] [--profile FOLDER]`;

/** @throws TypeError whose message tells the usage */
export function benchOptions(args: readonly string[]): BenchOptions {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { only: text, rounds: text, seconds: text, sessions: text, json: text, profile: text },
  });
  return {
    only: values.only === undefined ? SCENARIOS : values.only.split(',').map(scenarioName),
    rounds: positive('--rounds', values.rounds ?? '3'),
    seconds: positive('--seconds', values.seconds ?? '5'),
    sessions: positive('--sessions', values.sessions ?? '1000'),
    json: values.json === undefined ? undefined : resolve(values.json),
    profile: values.profile === undefined ? undefined : resolve(values.profile),
  };
}

function scenarioName(name: string): ScenarioName {
  const found = SCENARIOS.find((known) => known === name);
  if (found === undefined) throw new TypeError(`no scenario is called ${name}\n${USAGE}`);
  return found;
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new TypeError(`${flag} takes a number from 1 on, not ${text}\n${USAGE}`);
  }
  return value;
}
