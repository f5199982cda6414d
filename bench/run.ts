// npm run bench: every figure beside a limit that was measured in the same run. docs/performance.md
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { benchOptions, type ScenarioName } from './options.ts';
import { profileText, readProfile } from './profile-summary.ts';
import { machineFacts, type Table, tableText, writeResults } from './report.ts';
import { backlogScenario } from './scenarios/backlog.ts';
import { doorsScenario } from './scenarios/doors.ts';
import { fanOutScenario } from './scenarios/fan-out.ts';
import { featuresScenario } from './scenarios/features.ts';
import { handshakesScenario } from './scenarios/handshakes.ts';
import { idleScenario } from './scenarios/idle.ts';
import { latencyScenario } from './scenarios/latency.ts';
import { relayScenario } from './scenarios/relay.ts';
import type { ScenarioOptions } from './scenarios/scenario.ts';
import { sessionsScenario } from './scenarios/sessions.ts';
import { storedScenario } from './scenarios/stored.ts';
import { stormScenario } from './scenarios/storm.ts';
import { workersScenario } from './scenarios/workers.ts';

const RUN: Readonly<Record<ScenarioName, (options: ScenarioOptions) => Promise<Table>>> = {
  relay: relayScenario,
  features: featuresScenario,
  doors: doorsScenario,
  latency: latencyScenario,
  'fan-out': fanOutScenario,
  backlog: backlogScenario,
  handshakes: handshakesScenario,
  storm: stormScenario,
  idle: idleScenario,
  sessions: sessionsScenario,
  stored: storedScenario,
  workers: workersScenario,
};

const options = benchOptions(process.argv.slice(2));
const machine = machineFacts();
if (options.profile !== undefined) mkdirSync(options.profile, { recursive: true });
console.log(`${machine.command}
Node.js ${machine.node}, ${machine.cores} x ${machine.cpu}, load before ${machine.loadBefore.join(' ')}
Server in a process of its own, load generator in this one (lean client on src/protocol, not the SDK).
Median of ${options.rounds} rounds, then smallest - largest.${options.profile === undefined ? '' : ' Profiling costs speed: the figures of this run are low.'}
`);
const tables: Table[] = [];
for (const name of options.only) {
  const table = await RUN[name](options);
  console.log(tableText(table));
  tables.push(table);
}
if (options.json !== undefined) writeResults(options.json, machine, tables);
if (options.profile !== undefined) {
  for (const file of readdirSync(options.profile).filter((name) => name.endsWith('.cpuprofile'))) {
    console.log(profileText(file, readProfile(join(options.profile, file))));
  }
}
