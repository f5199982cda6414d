import { figureRow, type Peer, throughputRows } from '../figures.ts';
import { MESSAGE_BYTES } from '../load/writes.ts';
import type { Row, Table } from '../report.ts';
import { startBareServer } from '../servers.ts';
import { type Interval, untilQuiet } from '../timing.ts';
import { measureEcho, measureRelay } from './relay.ts';
import { relayServer, type ScenarioOptions, WITHOUT_POSTGRES } from './scenario.ts';

const VARIANTS = [
  {
    name: 'with delivery-ack, resume',
    profile: 'features-confirmed',
    set: [WITHOUT_POSTGRES],
    capabilities: ['delivery-ack', 'resume'],
  },
  { name: 'with read models in Postgres', profile: 'features-postgres', set: [], capabilities: [] },
] as const;

/** What the relay costs with the capabilities that the SDK asks for, and with projections. */
export async function featuresScenario(options: ScenarioOptions): Promise<Table> {
  const shape = options.sizes.shapes[0] ?? { pairs: 1, window: 1 };
  const rows: Row[] = [];
  const variants = VARIANTS.filter(({ set }) => options.sizes.readModels || set.length > 0);
  await using bare = await startBareServer();
  for (const { name, profile, set, capabilities } of variants) {
    await using server = await relayServer(options, profile, set);
    const limits: Interval[] = [];
    const ours: Interval[] = [];
    for (let round = 0; round < options.rounds; round += 1) {
      await untilQuiet(server);
      limits.push(await measureEcho(bare, shape, 'message', options));
      ours.push(await measureRelay(server, shape, { capabilities }, options));
    }
    const peer: Peer = { name: 'echo', intervals: limits };
    rows.push(
      ...throughputRows(`echo beside ${name}`, limits, { unit: 'msg' }),
      ...throughputRows(`relay ${name}`, ours, { unit: 'msg', peer }),
      ...(set.length > 0 ? [] : [postgresRow(ours)]),
    );
  }
  const title = `Features: ${shape.pairs} pairs, window ${shape.window}, ${MESSAGE_BYTES} bytes, against the echo of that shape`;
  return { scenario: 'features', title, rows };
}

function postgresRow(ours: readonly Interval[]): Row {
  const rounds = ours.map(({ postgresCpu, operations }) => (postgresCpu / operations) * 1_000_000);
  return figureRow('  Postgres CPU', 'us/msg', rounds);
}
