import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { haproxyMissing, startHaproxy } from '../../test/haproxy/haproxy-process.ts';
import { freePort, type ProxyProcess, type Substitutions } from '../../test/kit/proxy-process.ts';
import { until } from '../../test/kit/waiting.ts';
import { figureRow, generatorNotes, type Peer, throughputRows } from '../figures.ts';
import { connectPlain } from '../load/address.ts';
import { type Dial, DoorClosedError } from '../load/byte-stream.ts';
import { ownConnections } from '../load/dial.ts';
import { MESSAGE_BYTES } from '../load/writes.ts';
import type { Row, Table } from '../report.ts';
import { type RelayServer, type ServerChild, startBareServer } from '../servers.ts';
import { type Interval, untilQuiet } from '../timing.ts';
import { measureEcho, measureRelay } from './relay.ts';
import { relayServer, type ScenarioOptions, WITHOUT_POSTGRES } from './scenario.ts';

const UNIT = 'msg';
const MICROSECONDS = 1_000_000;

/** A load, measured once in each round. */
interface Way {
  readonly name: string;
  readonly run: () => Promise<Interval>;
  readonly intervals: Interval[];
}

/**
 * What a message costs the server when each device has a TLS connection of its own, and when HAProxy ends TLS and clients
 * share connections, as `deploy/haproxy/tls-termination.cfg` has it; each beside the echo that comes the same way.
 */
export async function proxyScenario(options: ScenarioOptions): Promise<Table> {
  const shape = options.sizes.shapes.at(-1) ?? { pairs: 1, window: 1 };
  const title = `Behind HAProxy: ${shape.pairs} pairs, window ${shape.window}, ${MESSAGE_BYTES} bytes; "direct": a TLS connection for each device, "shared": HAProxy
ends TLS, and clients share connections (deploy/haproxy/tls-termination.cfg)`;
  const missing = haproxyMissing();
  if (missing !== undefined) return { scenario: 'proxy', title, rows: [], notes: [`skipped: ${missing}`] };
  const plainPort = await freePort();
  await using bare = await startBareServer();
  await using server = await relayServer(options, 'proxy', [
    WITHOUT_POSTGRES,
    `server.plain_bind=127.0.0.1:${plainPort}`,
    'server.forwarded_from=127.0.0.1',
  ]);
  // The echo has no page for health checks.
  await using beforeEcho = await haproxyBefore(bare, bare.plainPort, { ' check inter 200ms': '' });
  await using beforeRelay = await haproxyBefore(server, plainPort, {});
  const echo = (dial?: Dial) => measureEcho(bare, shape, 'message', options, dial);
  const relay = (watched: RelayServer, dial: Dial) => measureRelay(watched, shape, { dial }, options);
  const ways = {
    echo: wayOf('echo, direct', () => echo()),
    relay: wayOf('relay, direct', () => relay(server, ownConnections(server.address))),
    sharedEcho: wayOf('echo, shared', () => echo(through(bare, beforeEcho))),
    sharedRelay: wayOf('relay, shared', () => relay(server, through(server, beforeRelay))),
    // The same load once more, with an eye on the process of HAProxy.
    haproxy: wayOf('relay, shared: HAProxy', () =>
      relay({ ...server, pid: beforeRelay.pid }, through(server, beforeRelay)),
    ),
  };
  for (let round = 0; round < options.rounds; round += 1) {
    for (const way of Object.values(ways)) {
      await untilQuiet(server);
      way.intervals.push(await way.run());
    }
  }
  const rows: Row[] = [
    ...rowsOf(ways.echo),
    ...rowsOf(ways.relay, ways.echo),
    ...rowsOf(ways.sharedEcho, ways.echo),
    ...rowsOf(ways.sharedRelay, ways.sharedEcho),
    costRow('relay, shared: server CPU', ways.sharedRelay, ways.relay),
    costRow('relay, shared: HAProxy CPU', ways.haproxy, ways.sharedRelay),
  ];
  const notes = Object.values(ways).flatMap(({ name, intervals }) => generatorNotes(name, intervals));
  return { scenario: 'proxy', title, rows, notes };
}

function wayOf(name: string, run: () => Promise<Interval>): Way {
  return { name, run, intervals: [] };
}

function peerOf({ name, intervals }: Way): Peer {
  return { name, intervals };
}

function rowsOf({ name, intervals }: Way, to?: Way): readonly Row[] {
  return throughputRows(name, intervals, { unit: UNIT, ...(to === undefined ? {} : { peer: peerOf(to) }) });
}

function costRow(name: string, way: Way, to: Way): Row {
  const costs = ({ intervals }: Way): number[] =>
    intervals.map(({ serverCpu, operations }) => (serverCpu / operations) * MICROSECONDS);
  return figureRow(name, `us/${UNIT}`, costs(way), { to: to.name, rounds: costs(to) });
}

/** HAProxy with the shipped configuration and the certificate of the server behind it. */
async function haproxyBefore(
  { caFile }: ServerChild,
  plainPort: number,
  replace: Substitutions,
): Promise<ProxyProcess> {
  const folder = dirname(caFile);
  const certificate = ['key.pem', 'cert.pem'].map((name) => readFileSync(join(folder, name), 'utf8'));
  const proxy = await startHaproxy('tls-termination.cfg', certificate.join(''), {
    '127.0.0.1:8080': `127.0.0.1:${plainPort}`,
    'maxconn 100': 'maxconn 2000',
    ...replace,
  });
  await until(() => {
    proxy.assertAlive();
    return isListening(proxy.port);
  }, 'HAProxy');
  return proxy;
}

async function isListening(port: number): Promise<boolean> {
  try {
    (await connectPlain('127.0.0.1', port)).destroy();
    return true;
  } catch (error) {
    if (error instanceof DoorClosedError) return false;
    throw error;
  }
}

function through({ address }: ServerChild, { port }: ProxyProcess): Dial {
  return ownConnections({ ...address, port });
}
