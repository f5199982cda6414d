import { figureRow, throughputRows } from '../figures.ts';
import { MESSAGE_BYTES } from '../load/writes.ts';
import type { Row, Table } from '../report.ts';
import { ceiling, halves } from '../thread-costs.ts';
import { type Interval, untilQuiet } from '../timing.ts';
import { measureRelay } from './relay.ts';
import { relayServer, type ScenarioOptions, WITHOUT_POSTGRES } from './scenario.ts';

/** Node.js from which several threads can accept on one port. */
const NODE = { major: 23, minor: 1 } as const;
const CORES = 8;

/** What a message costs the thread of the relay and the threads of the gateway, and what follows for more cores. */
export async function workersScenario(options: ScenarioOptions): Promise<Table> {
  const shape = options.sizes.shapes[0] ?? { pairs: 1, window: 1 };
  const title = `Workers: relay of ${shape.pairs} pairs, window ${shape.window}, ${MESSAGE_BYTES} bytes, the gateway in so many threads`;
  if (!canShareAPort(process.versions.node)) {
    const note = `skipped, server.workers needs Node.js ${NODE.major}.${NODE.minor}, and this is ${process.version}`;
    return { scenario: 'workers', title, rows: [], notes: [note] };
  }
  const measured = new Map<number, readonly Interval[]>();
  for (const workers of options.sizes.workers) {
    await using server = await relayServer(options, `workers-${workers}`, [
      WITHOUT_POSTGRES,
      `server.workers=${workers}`,
    ]);
    const intervals: Interval[] = [];
    for (let round = 0; round < options.rounds; round += 1) {
      await untilQuiet(server);
      intervals.push(await measureRelay(server, shape, {}, options));
    }
    measured.set(workers, intervals);
  }
  const [first] = measured;
  const rows = [...measured].flatMap(([workers, intervals]) => [
    ...throughputRows(`${workers} threads`, intervals, {
      unit: 'msg',
      ...(first === undefined || workers === first[0]
        ? {}
        : { peer: { name: `that with ${first[0]}`, intervals: first[1] } }),
    }),
    ...(workers === 0 ? [] : halfRows(intervals)),
  ]);
  return {
    scenario: 'workers',
    title,
    rows,
    notes: [`the ceiling counts on ${CORES} cores for the server alone`],
  };
}

function halfRows(intervals: readonly Interval[]): readonly Row[] {
  const costs = intervals.map(halves);
  return [
    figureRow(
      '  relay thread',
      'us/msg',
      costs.map(({ relay }) => relay),
    ),
    figureRow(
      '  gateway threads',
      'us/msg',
      costs.map(({ gateway }) => gateway),
    ),
    figureRow(
      '  other threads',
      'us/msg',
      costs.map(({ others }) => others),
    ),
    figureRow(
      `  ceiling of ${CORES} cores`,
      'msg/s',
      costs.map((cost) => ceiling(cost, CORES)),
    ),
  ];
}

/** @param version as `process.versions.node` */
function canShareAPort(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > NODE.major || (major === NODE.major && minor >= NODE.minor);
}
