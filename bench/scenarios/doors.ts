import { freePort } from '../../test/kit/proxy-process.ts';
import { generatorNotes, type Peer, throughputRows } from '../figures.ts';
import { type Dial, DoorClosedError } from '../load/byte-stream.ts';
import { eventStreams, ownConnections, plaintextConnections, webSockets } from '../load/dial.ts';
import { LoadSession } from '../load/session.ts';
import { MESSAGE_BYTES } from '../load/writes.ts';
import type { Row, Table } from '../report.ts';
import type { RelayServer } from '../servers.ts';
import { type Interval, untilQuiet } from '../timing.ts';
import { measureRelay } from './relay.ts';
import { relayServer, type ScenarioOptions, WITHOUT_POSTGRES } from './scenario.ts';

interface Door {
  readonly name: string;
  readonly dial: Dial;
}

/** The relay through each door, against binary mode over HTTP/2 and TLS. */
export async function doorsScenario(options: ScenarioOptions): Promise<Table> {
  const shape = options.sizes.shapes[0] ?? { pairs: 1, window: 1 };
  const plainPort = await freePort();
  await using server = await relayServer(options, 'doors', [
    WITHOUT_POSTGRES,
    `server.plain_bind=127.0.0.1:${plainPort}`,
  ]);
  const binary: Door = { name: 'binary, h2', dial: ownConnections(server.address) };
  const others: readonly Door[] = [
    { name: 'binary, h2c', dial: plaintextConnections('127.0.0.1', plainPort) },
    { name: 'WebSocket', dial: webSockets(server.address) },
    { name: 'SSE, h2', dial: eventStreams(server.address) },
  ];
  const notes: string[] = [];
  const doors: Door[] = [binary];
  for (const door of others) {
    const closed = await reasonWhyClosed(server, door);
    if (closed === undefined) doors.push(door);
    else notes.push(`${door.name}: skipped, the server answers ${closed}`);
  }
  const measured = new Map<string, Interval[]>(doors.map(({ name }) => [name, []]));
  for (let round = 0; round < options.rounds; round += 1) {
    for (const { name, dial } of doors) {
      await untilQuiet(server);
      measured.get(name)?.push(await measureRelay(server, shape, { dial }, options));
    }
  }
  const rows = doorRows(measured, binary.name);
  for (const [name, intervals] of measured) notes.push(...generatorNotes(name, intervals));
  const title = `Doors: relay of ${shape.pairs} pairs, window ${shape.window}, ${MESSAGE_BYTES} bytes, against ${binary.name}`;
  return { scenario: 'doors', title, rows, notes };
}

function doorRows(measured: ReadonlyMap<string, readonly Interval[]>, first: string): readonly Row[] {
  const peer: Peer = { name: first, intervals: measured.get(first) ?? [] };
  return [...measured].flatMap(([name, intervals]) =>
    throughputRows(name, intervals, { unit: 'msg', ...(name === first ? {} : { peer }) }),
  );
}

/** What the server says to who comes by this door, if it lets nobody in. */
async function reasonWhyClosed(server: RelayServer, { dial }: Door): Promise<string | undefined> {
  try {
    await (await LoadSession.open(server, { dial })).close();
    return undefined;
  } catch (error) {
    if (error instanceof DoorClosedError) return error.message;
    throw error;
  }
}
