import type { DeviceIdentity } from '../../src/client/index.ts';
import { BARE_PATHS } from '../bare-paths.ts';
import { throughputRows } from '../figures.ts';
import { ownConnections } from '../load/dial.ts';
import { LoadSession } from '../load/session.ts';
import type { Table, Target } from '../report.ts';
import { type ServerChild, startBareServer } from '../servers.ts';
import { type Interval, measure, untilQuiet } from '../timing.ts';
import { relayServer, type ScenarioOptions } from './scenario.ts';

const CONCURRENCY = 8;
const TARGET: Target = { of: 'value', bound: 'at least', value: 450 };

/** Sessions that a core of the server opens in a second, against bare TLS connections with one request each. */
export async function handshakesScenario(options: ScenarioOptions): Promise<Table> {
  await using bare = await startBareServer();
  await using server = await relayServer(options, 'handshakes');
  const dialBare = ownConnections(bare.address);
  const dial = ownConnections(server.address);
  const known = new Map<number, DeviceIdentity>();
  const limits: Interval[] = [];
  const fresh: Interval[] = [];
  const again: Interval[] = [];
  const connect = async (): Promise<void> => (await dialBare(BARE_PATHS.echo)).close();
  const register = async (): Promise<void> => (await LoadSession.open(server, { dial })).close();
  const reconnect = async (lane: number): Promise<void> => {
    const device = known.get(lane);
    const session = await LoadSession.open(server, { dial, ...(device === undefined ? {} : { device }) });
    known.set(lane, session.device);
    await session.close();
  };
  for (let round = 0; round < options.rounds; round += 1) {
    const { handshakeWarmUpMs, warmUpMs } = options.sizes;
    const timing = { seconds: options.seconds, warmUpMs: round === 0 ? handshakeWarmUpMs : warmUpMs };
    await untilQuiet(server);
    limits.push(await repeated(bare, timing, connect));
    fresh.push(await repeated(server, timing, register));
    await untilQuiet(server);
    again.push(await repeated(server, timing, reconnect));
  }
  const peer = { name: 'bare handshakes', intervals: limits };
  const unit = 'session';
  const rows = [
    ...throughputRows('bare handshakes', limits, { unit }),
    ...throughputRows('new devices', fresh, { unit, peer }),
    ...throughputRows('known devices', again, { unit, peer, coreTargets: [TARGET] }),
  ];
  const title = `Handshakes: ${CONCURRENCY} at a time, full TLS 1.3, and closed again; bare handshakes: TLS and one HTTP/2 request`;
  return { scenario: 'handshakes', title, rows };
}

/** Runs the operation over and over in each lane until the interval is measured. */
async function repeated(
  server: ServerChild,
  timing: Parameters<typeof measure>[1],
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
  const interval = await Promise.race([measure(server, timing, () => done), failureOf(lanes)]);
  state.running = false;
  await Promise.all(lanes);
  return interval;
}

function failureOf(lanes: readonly Promise<void>[]): Promise<never> {
  return new Promise((_, reject) => {
    for (const lane of lanes) lane.catch(reject);
  });
}
