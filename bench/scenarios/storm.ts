import type { DeviceIdentity } from '../../src/client/index.ts';
import { BARE_PATHS } from '../bare-paths.ts';
import { figureRow, throughputRows } from '../figures.ts';
import type { ByteStream, Dial } from '../load/byte-stream.ts';
import { ownConnections, sharedConnections } from '../load/dial.ts';
import { inLanes } from '../load/lanes.ts';
import { LoadSession } from '../load/session.ts';
import type { Table, Target } from '../report.ts';
import { type RelayServer, type ServerChild, startBareServer } from '../servers.ts';
import { type Interval, stopwatch, untilQuiet } from '../timing.ts';
import { relayServer, type ScenarioOptions } from './scenario.ts';

const TARGET: Target = { of: 'value', bound: 'at least', value: 450 };
/** Attempts of one device. Real ones wait between them; here the server gets no rest. */
const ATTEMPTS = 20;

interface Storm {
  readonly interval: Interval;
  /** Connections that were given up by either side, and made again. */
  readonly repeated: number;
}

/** All devices of a server come back at the same moment, as after its restart. */
export async function stormScenario(options: ScenarioOptions): Promise<Table> {
  const { storm: count } = options.sizes;
  await using bare = await startBareServer();
  await using server = await relayServer(options, 'storm');
  const devices = await knownDevices(server, count);
  const limits: Storm[] = [];
  const ours: Storm[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    await untilQuiet(server);
    limits.push(await bareStorm(bare, count));
    ours.push(await relayStorm(server, devices));
  }
  const intervals = ours.map(({ interval }) => interval);
  const peer = { name: 'bare handshakes', intervals: limits.map(({ interval }) => interval) };
  const seconds = (storms: readonly Storm[]): readonly number[] =>
    storms.map(({ interval }) => interval.seconds);
  const unit = 'session';
  const rows = [
    ...throughputRows('bare handshakes', peer.intervals, { unit }),
    figureRow('  until the last is up', 's', seconds(limits)),
    ...throughputRows('known devices', intervals, { unit, peer, coreTargets: [TARGET] }),
    figureRow('  until the last is up', 's', seconds(ours), { to: peer.name, rounds: seconds(limits) }),
    figureRow(
      '  repeated attempts',
      '',
      ours.map(({ repeated }) => repeated),
    ),
  ];
  const title = `Storm: ${count} known devices connect at once, full TLS 1.3; bare handshakes: TLS and one HTTP/2 request`;
  return { scenario: 'storm', title, rows };
}

async function knownDevices(server: RelayServer, count: number): Promise<readonly DeviceIdentity[]> {
  const dial = await sharedConnections(server.address);
  const sessions = await inLanes(count, () => LoadSession.open(server, { dial }));
  await Promise.all(sessions.map((session) => session.close()));
  return sessions.map(({ device }) => device);
}

async function bareStorm(bare: ServerChild, count: number): Promise<Storm> {
  const dial = ownConnections(bare.address);
  const storm = await allAtOnce(bare, count, () => dial(BARE_PATHS.echo));
  return storm;
}

async function relayStorm(server: RelayServer, devices: readonly DeviceIdentity[]): Promise<Storm> {
  const dial: Dial = ownConnections(server.address);
  return allAtOnce(server, devices.length, (index) => {
    const device = devices[index];
    return LoadSession.open(server, { dial, ...(device === undefined ? {} : { device }) });
  });
}

/** Opens all at the same moment, each again until it is open; then closes them. */
async function allAtOnce(
  server: ServerChild,
  count: number,
  open: (index: number) => Promise<Pick<ByteStream, 'close'>>,
): Promise<Storm> {
  let done = 0;
  let repeated = 0;
  const persistently = async (index: number): Promise<Pick<ByteStream, 'close'>> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const opened = await open(index);
        done += 1;
        return opened;
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
        repeated += 1;
      }
    }
  };
  const stop = stopwatch(server, () => done);
  const opened = await Promise.all(Array.from({ length: count }, (_, index) => persistently(index)));
  const interval = stop();
  await Promise.all(opened.map((each) => each.close()));
  return { interval, repeated };
}
