// `npm run fuzz -- --minutes 10 [--target NAME] [--seed N]`: coverage-guided fuzzing of everything that reads what
// strangers send. `npm run fuzz -- --repeat FILE`: one input again, with plain stacks. See fuzz/README.md.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { inputName, writeCorpus } from './engine/corpus.ts';
import type { Finding } from './engine/finding.ts';
import { supervise } from './engine/supervise.ts';
import type { FuzzTarget } from './target.ts';
import { targetFile, targets } from './targets/index.ts';

const FINDINGS = fileURLToPath(new URL('findings/', import.meta.url));

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    target: { type: 'string', multiple: true },
    seed: { type: 'string', default: String(process.hrtime.bigint() % 0xffff_ffffn) },
    repeat: { type: 'string' },
  },
});

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Keeps the input; returns the command that runs it again. */
function save(target: FuzzTarget, finding: Finding): string {
  const file = join(FINDINGS, target.name, inputName(finding.input));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, finding.input);
  return `npm run fuzz -- --repeat ${relative(process.cwd(), file)}`;
}

async function fuzz(target: FuzzTarget, seconds: number, seed: number): Promise<number> {
  say(`\n${target.name}: ${target.about}`);
  const outcome = await supervise(target, targetFile(target.name), { seconds, seed }, (now) =>
    say(`  ${now.executions} executions, ${now.edges} branches, ${now.inputs} inputs`),
  );
  const rate = Math.round(outcome.executions / outcome.seconds);
  say(`  ${outcome.executions} executions, ${rate}/s; ${outcome.edges} of ${outcome.counters} branches,`);
  say(
    `  ${outcome.features} features; corpus ${outcome.corpus?.length ?? 'unchanged'}; findings ${outcome.findings.length}`,
  );
  if (outcome.corpus !== undefined) writeCorpus(target.name, outcome.corpus);
  for (const finding of outcome.findings) {
    say(`  FOUND ${finding.kind}: ${finding.message}\n  again: ${save(target, finding)}`);
  }
  return outcome.findings.length;
}

function repeat(file: string): void {
  const name = basename(dirname(file));
  const target = targets.find((one) => one.name === name);
  if (target === undefined) throw new Error(`the folder of the file names no target: ${name}`);
  target.run(Uint8Array.from(readFileSync(file)));
  say('nothing fails');
}

async function main(): Promise<number> {
  if (values.repeat !== undefined) {
    repeat(values.repeat);
    return 0;
  }
  const chosen = targets.filter(({ name }) => values.target?.includes(name) ?? true);
  if (chosen.length === 0) throw new Error(`targets: ${targets.map(({ name }) => name).join(', ')}`);
  const seconds = (Number(values.minutes) * 60) / chosen.length;
  if (!(seconds > 0)) throw new Error('--minutes takes a number above 0');
  const seed = Number(values.seed);
  say(`seed ${seed}, ${seconds.toFixed(0)} s for each of ${chosen.length} targets`);
  let findings = 0;
  for (const target of chosen) findings += await fuzz(target, seconds, seed);
  say(`\n${findings} findings`);
  return findings > 0 ? 1 : 0;
}

process.exitCode = await main();
