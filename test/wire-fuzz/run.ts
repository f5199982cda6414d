// `npm run fuzz:wire -- --seconds N [--seed S] [--only rule,rule]`: devices, network, disk and process in every kind of
// trouble at once, held against PROTOCOL.md. `--seed S --path P`: a finding again. See test/wire-fuzz/README.md.
import { parseArgs } from 'node:util';
import { Judge, RULES, type Rule } from './broken-promise.ts';
import { explain, fuzzSimulation } from './simulation.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(process.hrtime.bigint() % 0x7fff_ffffn) },
    only: { type: 'string' },
    path: { type: 'string' },
  },
});

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function rulesOf(names: string | undefined): readonly Rule[] | undefined {
  return names?.split(',').map((name) => {
    if (!Object.hasOwn(RULES, name)) throw new Error(`--only takes ${Object.keys(RULES).join(', ')}`);
    return name as Rule;
  });
}

async function main(): Promise<number> {
  const seconds = Number(values.seconds);
  const seed = Number(values.seed);
  if (!(seconds > 0) || !Number.isInteger(seed)) throw new Error('--seconds and --seed take numbers');
  const judge = new Judge(rulesOf(values.only));
  say(`seed ${seed}, ${seconds} s`);
  const begun = performance.now();
  const outcome = await fuzzSimulation({ judge, seed, time: seconds * 1_000, path: values.path });
  const took = (performance.now() - begun) / 1_000;
  const { runs, steps, figures, finding } = outcome;
  say(`${runs} runs, ${steps} steps (${Math.round(steps / took)}/s), ${JSON.stringify(figures)}`);
  if (finding === undefined) {
    say('every promise was kept');
    return 0;
  }
  const found = (finding.foundAfter / 1_000).toFixed(0);
  say(`found after ${found} s, made smaller:\n${finding.broken.message}\n${explain(finding.plan)}`);
  say(`again: npm run fuzz:wire -- --seed ${finding.seed} --path ${finding.path}`);
  return 1;
}

process.exitCode = await main();
