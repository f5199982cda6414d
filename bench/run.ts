// npm run bench: every figure beside a limit that was measured in the same run. docs/performance.md
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { benchOptions } from './options.ts';
import { profileText, readProfile } from './profile-summary.ts';
import { machineFacts, type Table, tableText, withoutTargets, writeResults } from './report.ts';
import { RUN_SCENARIO } from './scenarios/index.ts';

const options = benchOptions(process.argv.slice(2));
const machine = machineFacts();
if (options.profile !== undefined) mkdirSync(options.profile, { recursive: true });
console.log(`${machine.command}
Node.js ${machine.node}, ${machine.cores} x ${machine.cpu}, load before ${machine.loadBefore.join(' ')}
Server in a process of its own, load generator in this one (lean client on src/protocol, not the SDK).
Median of ${options.rounds} rounds, then smallest - largest.`);
if (options.quick) console.log('Quick: this run shows that everything works; its figures mean nothing.');
if (options.profile !== undefined) console.log('Profiling costs speed: the figures of this run are low.');
console.log();
const tables: Table[] = [];
for (const name of options.only) {
  const begin = performance.now();
  const table = await RUN_SCENARIO[name](options);
  tables.push(options.quick ? withoutTargets(table) : table);
  console.log(
    `${tableText(tables.at(-1) ?? table)}  (${Math.round((performance.now() - begin) / 1000)} s)\n`,
  );
  // After each scenario: what the next one does must not cost the results of this one.
  if (options.json !== undefined) writeResults(options.json, machine, tables);
}
if (options.profile !== undefined) {
  for (const file of readdirSync(options.profile).filter((name) => name.endsWith('.cpuprofile'))) {
    console.log(profileText(file, readProfile(join(options.profile, file))));
  }
}
