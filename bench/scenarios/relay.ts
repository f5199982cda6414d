import { EchoLoad } from '../load/echo-load.ts';
import { type EchoWrites, MESSAGE_BYTES } from '../load/echo-shape.ts';
import { RelayLoad } from '../load/relay-load.ts';
import type { Row, Table } from '../report.ts';
import { type RelayServer, type ServerChild, startEchoServer } from '../servers.ts';
import { ratios } from '../statistics.ts';
import { type Interval, measure, untilQuiet } from '../timing.ts';
import { relayServer, type ScenarioOptions, WITHOUT_POSTGRES } from './scenario.ts';

const PAIRS = 8;
const WINDOW = 64;

interface Variant {
  readonly name: string;
  readonly profile: string;
  readonly set: readonly string[];
  readonly capabilities: readonly string[];
}

const VARIANTS: readonly Variant[] = [
  { name: 'relay', profile: 'relay', set: [WITHOUT_POSTGRES], capabilities: [] },
  {
    name: 'with delivery-ack, resume',
    profile: 'relay-confirmed',
    set: [WITHOUT_POSTGRES],
    capabilities: ['delivery-ack', 'resume'],
  },
  { name: 'with read models in Postgres', profile: 'relay-postgres', set: [], capabilities: [] },
];

/** Messages a second that are durable, acknowledged and delivered, against an echo of the same bytes. */
export async function relayScenario(options: ScenarioOptions): Promise<Table> {
  const rows: Row[] = [];
  await using echo = await startEchoServer();
  for (const variant of VARIANTS) {
    await using server = await relayServer(options, variant.profile, variant.set);
    const coalesced: Interval[] = [];
    const limits: Interval[] = [];
    const ours: Interval[] = [];
    for (let round = 0; round < options.rounds; round += 1) {
      await untilQuiet(server);
      if (variant === VARIANTS[0]) coalesced.push(await measureEcho(echo, 'turn', options.seconds));
      limits.push(await measureEcho(echo, 'message', options.seconds));
      ours.push(await measureRelay(server, variant, options.seconds));
    }
    if (coalesced.length > 0) rows.push(...echoRows('echo, one write per turn', coalesced));
    rows.push(...echoRows(`limit beside ${variant.name}`, limits), ...relayRows(variant, ours, limits));
  }
  const title = `Relay: ${PAIRS} pairs, window ${WINDOW}, ${MESSAGE_BYTES} bytes; limit: echo by node:http2 over TLS 1.3, a write per message`;
  return { scenario: 'relay', title, rows };
}

async function measureEcho(echo: ServerChild, writes: EchoWrites, seconds: number): Promise<Interval> {
  const load = await EchoLoad.start(echo.address, { connections: PAIRS, window: WINDOW, writes });
  const interval = await measure(echo, seconds, () => load.returned);
  await load.stop();
  return interval;
}

async function measureRelay(server: RelayServer, variant: Variant, seconds: number): Promise<Interval> {
  const { capabilities } = variant;
  const shape = { pairs: PAIRS, window: WINDOW, messageBytes: MESSAGE_BYTES, capabilities };
  const load = await RelayLoad.start(server, shape);
  const interval = await measure(server, seconds, () => load.received);
  await load.stop();
  return interval;
}

const perSecond = (interval: Interval): number => interval.operations / interval.seconds;
const microseconds = (cpu: (interval: Interval) => number) => (interval: Interval) =>
  (cpu(interval) / interval.operations) * 1_000_000;
const serverCost = microseconds(({ serverCpu }) => serverCpu);
const clientCost = microseconds(({ clientCpu }) => clientCpu);
const clientShare = (interval: Interval): number => (interval.clientCpu / interval.seconds) * 100;
const serverShare = (interval: Interval): number => (interval.serverCpu / interval.seconds) * 100;

function echoRows(name: string, limits: readonly Interval[]): readonly Row[] {
  return [
    { name, unit: 'msg/s', rounds: limits.map(perSecond) },
    { name: '  server CPU', unit: 'us/msg', rounds: limits.map(serverCost) },
    { name: '  client CPU', unit: 'us/msg', rounds: limits.map(clientCost) },
  ];
}

function relayRows(
  { name, set }: Variant,
  ours: readonly Interval[],
  limits: readonly Interval[],
): readonly Row[] {
  const rounds = ours.map(perSecond);
  const wall: Row = { name, unit: 'msg/s', rounds, ratios: ratios(rounds, limits.map(perSecond)) };
  const target = { of: 'ratio', bound: 'at least', value: 0.45 } as const;
  const serverRounds = ours.map(serverCost);
  return [
    name === 'relay' ? { ...wall, targets: [target] } : wall,
    {
      name: '  server CPU',
      unit: 'us/msg',
      rounds: serverRounds,
      ratios: ratios(serverRounds, limits.map(serverCost)),
    },
    { name: '  client CPU', unit: 'us/msg', rounds: ours.map(clientCost) },
    { name: '  server uses', unit: '% of a core', rounds: ours.map(serverShare) },
    { name: '  client uses', unit: '% of a core', rounds: ours.map(clientShare) },
    ...(set.includes(WITHOUT_POSTGRES) ? [] : [postgresRow(ours)]),
  ];
}

function postgresRow(ours: readonly Interval[]): Row {
  const rounds = ours.map(microseconds(({ postgresCpu }) => postgresCpu));
  return { name: '  Postgres CPU', unit: 'us/msg', rounds };
}
