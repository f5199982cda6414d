import { figureRow, generatorNotes, type Peer, throughputRows } from '../figures.ts';
import type { Dial } from '../load/byte-stream.ts';
import { ownConnections, sharedConnections } from '../load/dial.ts';
import { completedSince, type FanOut, openBareFanOut, openRelayFanOut } from '../load/fan-out-load.ts';
import { MESSAGE_BYTES } from '../load/writes.ts';
import type { Row, Table, Target } from '../report.ts';
import { type ServerChild, startBareServer } from '../servers.ts';
import type { FanOutSize } from '../sizes.ts';
import { percentile } from '../statistics.ts';
import { type Interval, measure, untilQuiet } from '../timing.ts';
import { relayServer, type ScenarioOptions, timingOf, WITHOUT_POSTGRES } from './scenario.ts';

const WINDOW = 32;
/** Named members take part at once: thousands of JOINs would only delay the measurement. */
const REACH = 'channels.reach=anyone';
/** The default counts the sender, too: with 10 000 members there is one device more. */
const MEMBERS = 'limits.members_per_channel=20000';
const TARGETS: Readonly<Record<string, number>> = { '200 own': 350_000, '1000 own': 300_000 };

interface Measured {
  readonly interval: Interval;
  /** From the sending of a message until its last recipient has it, in milliseconds. */
  readonly untilLast: readonly number[];
}

/** Deliveries a second from one sender to all members of a channel, against bare writes to as many streams. */
export async function fanOutScenario(options: ScenarioOptions): Promise<Table> {
  const rows: Row[] = [];
  const notes: string[] = [];
  for (const size of options.sizes.fanOut) {
    const { limits, ours } = await measureSize(size, options);
    const name = `1 -> ${size.members}, ${size.connections === 'own' ? 'a connection each' : 'shared connections'}`;
    const wanted = TARGETS[`${size.members} ${size.connections}`];
    const targets: readonly Target[] =
      wanted === undefined ? [] : [{ of: 'value', bound: 'at least', value: wanted }];
    const intervals = ours.map(({ interval }) => interval);
    const peer: Peer = { name: 'bare writes', intervals: limits.map(({ interval }) => interval) };
    rows.push(
      ...throughputRows(`${name}: bare writes`, peer.intervals, { unit: 'delivery' }),
      ...lastRows(limits),
      ...throughputRows(name, intervals, { unit: 'delivery', peer, targets }),
      ...lastRows(ours, limits),
    );
    notes.push(...generatorNotes(name, intervals));
  }
  const title = `Fan-out: one sender, window ${WINDOW} (until the last member has a message), ${MESSAGE_BYTES} bytes; bare writes: node:http2 writes
each message to each stream, without disk, encryption and acknowledgement`;
  return { scenario: 'fan-out', title, rows, notes };
}

async function measureSize(size: FanOutSize, options: ScenarioOptions) {
  await using bare = await startBareServer();
  await using server = await relayServer(options, `fan-out-${size.members}-${size.connections}`, [
    WITHOUT_POSTGRES,
    REACH,
    MEMBERS,
  ]);
  const bareFanOut = await openBareFanOut(size.members, await dialOf(bare, size));
  const relayFanOut = await openRelayFanOut(server, size.members, await dialOf(server, size));
  const limits: Measured[] = [];
  const ours: Measured[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    await untilQuiet(server);
    limits.push(await measureFanOut(bare, bareFanOut, options));
    ours.push(await measureFanOut(server, relayFanOut, options));
  }
  bareFanOut.close();
  relayFanOut.close();
  return { limits, ours };
}

async function dialOf({ address }: ServerChild, { connections }: FanOutSize): Promise<Dial> {
  return connections === 'own' ? ownConnections(address) : sharedConnections(address);
}

async function measureFanOut(
  server: ServerChild,
  fanOut: FanOut,
  options: ScenarioOptions,
): Promise<Measured> {
  const deliveries = fanOut.start(WINDOW);
  const interval = await measure(server, timingOf(options), () => deliveries.count);
  await deliveries.stop();
  return { interval, untilLast: completedSince(deliveries.completions, interval.begin) };
}

function lastRows(ours: readonly Measured[], limits?: readonly Measured[]): readonly Row[] {
  const at = (measured: readonly Measured[], share: number): readonly number[] =>
    measured.map(({ untilLast }) => percentile(untilLast, share));
  const row = (name: string, share: number): Row =>
    figureRow(name, 'ms', at(ours, share), limits && { to: 'bare writes', rounds: at(limits, share) });
  return [row('  last member has it, p50', 0.5), row('  last member has it, p99', 0.99)];
}
