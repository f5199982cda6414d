import { generatorNotes, type Peer, throughputRows } from '../figures.ts';
import { ownConnections } from '../load/dial.ts';
import { inLanes } from '../load/lanes.ts';
import { Pair } from '../load/pair.ts';
import { RelayLoad } from '../load/relay-load.ts';
import { LoadSession } from '../load/session.ts';
import { MESSAGE_BYTES } from '../load/writes.ts';
import type { Row, Table } from '../report.ts';
import type { RelayServer } from '../servers.ts';
import { type Interval, measure, untilQuiet } from '../timing.ts';
import { measureRelay } from './relay.ts';
import { affordable, relayServer, type ScenarioOptions, timingOf } from './scenario.ts';

/** Sessions that talk while all others are idle, and the window of each. */
const ACTIVE = { sessions: 10, window: 64 } as const;
/** Window of each pair when all talk. */
const WINDOW = 2;

/**
 * How the speed of the relay changes with the number of sessions: those that are only connected, and those that talk.
 * Each number has a server of its own.
 */
export async function sessionsScenario(options: ScenarioOptions): Promise<Table> {
  const { sizes: counts, notes } = affordable(options.sizes.sessions);
  const beside = new Map<number, readonly Interval[]>();
  const together = new Map<number, readonly Interval[]>();
  for (const count of counts) {
    await using server = await relayServer(options, `sessions-${count}`);
    const few: Interval[] = [];
    const all: Interval[] = [];
    await withIdleSessions(server, count - ACTIVE.sessions, async () => {
      const shape = { pairs: Math.min(count, ACTIVE.sessions) / 2, window: ACTIVE.window };
      for (let round = 0; round < options.rounds; round += 1) {
        await untilQuiet(server);
        few.push(await measureRelay(server, shape, {}, options));
      }
    });
    await measureTogether(server, count / 2, options, all);
    beside.set(count, few);
    together.set(count, all);
    notes.push(...generatorNotes(`all of ${count} talk`, all));
  }
  const rows = [
    ...rowsOf(beside, (count) => `${ACTIVE.sessions} of ${count} sessions talk`),
    ...rowsOf(together, (count) => `all of ${count} sessions talk`),
  ];
  const title = `Sessions: relay of ${MESSAGE_BYTES} bytes while so many are connected. A few talk, window ${ACTIVE.window}, the others are idle; then all
talk in pairs, window ${WINDOW}`;
  return { scenario: 'sessions', title, rows, notes };
}

async function withIdleSessions(
  server: RelayServer,
  count: number,
  work: () => Promise<void>,
): Promise<void> {
  const dial = ownConnections(server.address);
  const idle = await inLanes(Math.max(0, count), () => LoadSession.open(server, { dial }));
  await work();
  await inLanes(idle.length, async (index) => idle[index]?.close());
}

/** The same sessions in each round: thousands of new ones would take longer than the measurement. */
async function measureTogether(
  server: RelayServer,
  pairCount: number,
  options: ScenarioOptions,
  intervals: Interval[],
): Promise<void> {
  const shape = {
    dial: ownConnections(server.address),
    messageBytes: MESSAGE_BYTES,
    writes: 'message',
    capabilities: [],
  } as const;
  const pairs = await inLanes(pairCount, () => Pair.open(server, shape));
  await untilQuiet(server);
  const load = new RelayLoad(pairs, WINDOW);
  for (let round = 0; round < options.rounds; round += 1) {
    intervals.push(await measure(server, timingOf(options), () => load.received));
  }
  await load.stop();
}

function rowsOf(
  measured: ReadonlyMap<number, readonly Interval[]>,
  nameOf: (count: number) => string,
): readonly Row[] {
  const [first] = measured.keys();
  const peer: Peer | undefined =
    first === undefined ? undefined : { name: `that with ${first}`, intervals: measured.get(first) ?? [] };
  return [...measured].flatMap(([count, intervals]) =>
    throughputRows(nameOf(count), intervals, {
      unit: 'msg',
      ...(peer === undefined || count === first ? {} : { peer }),
    }),
  );
}
