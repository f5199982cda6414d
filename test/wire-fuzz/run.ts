// `npm run fuzz:wire -- --seconds N [--seed S] [--only rule,rule] [--level simulation|process]`: devices, network, disk
// and process in every kind of trouble at once, held against PROTOCOL.md. `--seed S --path P`: a finding of the
// simulation again. See test/wire-fuzz/README.md.
import { parseArgs } from 'node:util';
import { Judge, RULES, type Rule } from './broken-promise.ts';
import { fuzzProcesses } from './processes.ts';
import { explain, fuzzSimulation } from './simulation.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(process.hrtime.bigint() % 0x7fff_ffffn) },
    only: { type: 'string' },
    path: { type: 'string' },
    level: { type: 'string' },
  },
});

interface Turn {
  readonly judge: Judge;
  readonly seed: number;
  /** Milliseconds. */
  readonly time: number;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function rulesOf(names: string | undefined): readonly Rule[] | undefined {
  return names?.split(',').map((name) => {
    if (!Object.hasOwn(RULES, name)) throw new Error(`--only takes ${Object.keys(RULES).join(', ')}`);
    return name as Rule;
  });
}

/** True when every promise was kept. */
async function simulate(turn: Turn): Promise<boolean> {
  const begun = performance.now();
  const { runs, steps, figures, finding } = await fuzzSimulation({ ...turn, path: values.path });
  const rate = Math.round(steps / ((performance.now() - begun) / 1_000));
  say(`simulation: ${runs} runs, ${steps} steps (${rate}/s), ${JSON.stringify(figures)}`);
  if (finding === undefined) return true;
  say(`found after ${seconds(finding.foundAfter)} s, made smaller:`);
  say(`${finding.broken.message}\n${explain(finding.plan)}`);
  say(`again: npm run fuzz:wire -- --seed ${finding.seed} --path ${finding.path}`);
  return false;
}

async function runProcesses(turn: Turn): Promise<boolean> {
  const begun = performance.now();
  const { runs, figures, finding } = await fuzzProcesses(turn);
  say(`processes: ${runs} runs, ${JSON.stringify(figures)}`);
  if (finding === undefined) return true;
  say(`found after ${seconds(performance.now() - begun)} s: ${finding.broken.message}`);
  say(`again, perhaps: npm run fuzz:wire -- --level process --seed ${finding.seed}`);
  return false;
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1_000).toFixed(0);
}

const LEVELS = { simulation: simulate, process: runProcesses } as const;

async function main(): Promise<number> {
  const time = Number(values.seconds) * 1_000;
  const seed = Number(values.seed);
  if (!(time > 0) || !Number.isInteger(seed)) throw new Error('--seconds and --seed take numbers');
  const judge = new Judge(rulesOf(values.only));
  const named = values.path === undefined ? values.level : 'simulation';
  const levels = Object.entries(LEVELS).filter(([name]) => named === undefined || named === name);
  if (levels.length === 0) throw new Error(`--level takes ${Object.keys(LEVELS).join(', ')}`);
  say(`seed ${seed}, ${values.seconds} s`);
  for (const [, level] of levels) {
    if (!(await level({ judge, seed, time: time / levels.length }))) return 1;
  }
  say('every promise was kept');
  return 0;
}

process.exitCode = await main();
