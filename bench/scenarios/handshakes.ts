import { closeConnection, openConnection } from '../load/connection.ts';
import { ECHO_PATHS } from '../load/echo-shape.ts';
import { LoadSession, newDevice } from '../load/session.ts';
import type { Row, Table } from '../report.ts';
import { type ServerChild, startEchoServer } from '../servers.ts';
import { ratios } from '../statistics.ts';
import { type Interval, measure, untilQuiet } from '../timing.ts';
import { relayServer, type ScenarioOptions } from './scenario.ts';

const CONCURRENCY = 8;
const TARGET = 400;

/** Sessions that a core of the server opens in a second, against bare TLS connections with one request each. */
export async function handshakesScenario(options: ScenarioOptions): Promise<Table> {
  await using echo = await startEchoServer();
  await using server = await relayServer(options, 'handshakes');
  const known = Array.from({ length: CONCURRENCY }, newDevice);
  const limits: Interval[] = [];
  const fresh: Interval[] = [];
  const again: Interval[] = [];
  const bare = async (): Promise<void> =>
    closeConnection(await openConnection(echo.address, ECHO_PATHS.message));
  const register = async (): Promise<void> => (await LoadSession.open(server)).close();
  const reconnect = async (lane: number): Promise<void> => {
    const device = known[lane] ?? newDevice();
    await (await LoadSession.open(server, { device })).close();
  };
  for (let round = 0; round < options.rounds; round += 1) {
    await untilQuiet(server);
    limits.push(await repeated(echo, options.seconds, bare));
    fresh.push(await repeated(server, options.seconds, register));
    await untilQuiet(server);
    again.push(await repeated(server, options.seconds, reconnect));
  }
  const title = `Handshakes: ${CONCURRENCY} at a time, full TLS 1.3; limit: TLS and one HTTP/2 request`;
  const target = { of: 'value', bound: 'at least', value: TARGET } as const;
  const rows: readonly Row[] = [
    ...rowsOf('limit', limits),
    ...rowsOf('new devices', fresh, limits, [target]),
    ...rowsOf('known devices', again, limits),
  ];
  return { scenario: 'handshakes', title, rows };
}

/**
 * A handshake runs through much code, each piece a few hundred times a second: the rate goes on rising for ten seconds
 * while V8 compiles it.
 */
const WARM_UP_MS = 10_000;

/** Runs an operation over and over in each lane until the interval is measured. */
async function repeated(
  server: ServerChild,
  seconds: number,
  operation: (lane: number) => Promise<void>,
): Promise<Interval> {
  const state = { running: true };
  let done = 0;
  const lanes = Array.from({ length: CONCURRENCY }, async (_, lane) => {
    while (state.running) {
      await operation(lane);
      done += 1;
    }
  });
  const interval = await Promise.race([measure(server, seconds, () => done, WARM_UP_MS), failureOf(lanes)]);
  state.running = false;
  await Promise.all(lanes);
  return interval;
}

function failureOf(lanes: readonly Promise<void>[]): Promise<never> {
  return new Promise((_, reject) => {
    for (const lane of lanes) lane.catch(reject);
  });
}

function rowsOf(
  name: string,
  intervals: readonly Interval[],
  limits?: readonly Interval[],
  targets: Row['targets'] = [],
): readonly Row[] {
  const perCore = ({ operations, serverCpu }: Interval): number => operations / serverCpu;
  const rounds = intervals.map(perCore);
  const compared = limits === undefined ? {} : { ratios: ratios(rounds, limits.map(perCore)) };
  const wall = intervals.map(({ operations, seconds }) => operations / seconds);
  const client = intervals.map(({ clientCpu, seconds }) => (clientCpu / seconds) * 100);
  return [
    { name, unit: '/core-second', rounds, ...compared, targets },
    { name: '  by the clock', unit: '/s', rounds: wall },
    { name: '  client uses', unit: '% of a core', rounds: client },
  ];
}
