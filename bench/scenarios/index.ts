import type { ScenarioName } from '../options.ts';
import type { Table } from '../report.ts';
import { backlogScenario } from './backlog.ts';
import { doorsScenario } from './doors.ts';
import { fanOutScenario } from './fan-out.ts';
import { featuresScenario } from './features.ts';
import { handshakesScenario } from './handshakes.ts';
import { idleScenario } from './idle.ts';
import { latencyScenario } from './latency.ts';
import { proxyScenario } from './proxy.ts';
import { relayScenario } from './relay.ts';
import type { ScenarioOptions } from './scenario.ts';
import { sessionsScenario } from './sessions.ts';
import { storedScenario } from './stored.ts';
import { stormScenario } from './storm.ts';
import { workersScenario } from './workers.ts';

/** Every scenario by the name that `--only` knows. */
export const RUN_SCENARIO: Readonly<Record<ScenarioName, (options: ScenarioOptions) => Promise<Table>>> = {
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
  proxy: proxyScenario,
};
