import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { FULL, QUICK, type Sizes } from './sizes.ts';

export const SCENARIOS = [
  'relay',
  'features',
  'doors',
  'latency',
  'fan-out',
  'backlog',
  'handshakes',
  'storm',
  'idle',
  'sessions',
  'stored',
  'workers',
  'proxy',
] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

export interface BenchOptions {
  readonly only: readonly ScenarioName[];
  /** Times that the limit and ours are measured in turn. */
  readonly rounds: number;
  /** Length of one measurement, without its warm-up. */
  readonly seconds: number;
  readonly sizes: Sizes;
  /** Tiny sizes, to see that everything works. */
  readonly quick: boolean;
  /** File for the results. */
  readonly json: string | undefined;
  /** Folder for CPU profiles of the server. */
  readonly profile: string | undefined;
}

const USAGE = `npm run bench -- [--only ${SCENARIOS.join(',')}]
                 [--rounds 3] [--seconds 3] [--quick] [--json FILE] [--profile FOLDER]`;
const QUICK_SECONDS = 0.2;

/** @throws TypeError whose message tells the usage */
export function benchOptions(args: readonly string[]): BenchOptions {
  const { values } = parsed(args);
  const quick = values.quick ?? false;
  return {
    only: values.only === undefined ? SCENARIOS : values.only.split(',').map(scenarioName),
    rounds: positiveInteger('--rounds', values.rounds ?? (quick ? '1' : '3')),
    seconds: positive('--seconds', values.seconds ?? (quick ? String(QUICK_SECONDS) : '3')),
    sizes: quick ? QUICK : FULL,
    quick,
    json: values.json === undefined ? undefined : resolve(values.json),
    profile: values.profile === undefined ? undefined : resolve(values.profile),
  };
}

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: text,
        rounds: text,
        seconds: text,
        json: text,
        profile: text,
        quick: { type: 'boolean' },
      },
    });
  } catch (cause) {
    throw new TypeError(`${cause instanceof Error ? cause.message : cause}\n${USAGE}`, { cause });
  }
}

function scenarioName(name: string): ScenarioName {
  const found = SCENARIOS.find((known) => known === name);
  if (found === undefined) throw new TypeError(`no scenario is called ${name}\n${USAGE}`);
  return found;
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) {
    throw new TypeError(`${flag} takes a number above 0, not ${text}\n${USAGE}`);
  }
  return value;
}

function positiveInteger(flag: string, text: string): number {
  const value = positive(flag, text);
  if (!Number.isInteger(value)) throw new TypeError(`${flag} takes a whole number, not ${text}\n${USAGE}`);
  return value;
}
