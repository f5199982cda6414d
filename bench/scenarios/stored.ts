import { figureRow, type Peer, throughputRows } from '../figures.ts';
import { ownConnections } from '../load/dial.ts';
import { inLanes } from '../load/lanes.ts';
import { joinChannel, newChannel } from '../load/pair.ts';
import { Poster } from '../load/poster.ts';
import { LoadSession } from '../load/session.ts';
import { MESSAGE_BYTES } from '../load/writes.ts';
import { residentBytes } from '../process-figures.ts';
import type { Row, Table } from '../report.ts';
import type { RelayServer } from '../servers.ts';
import { type Interval, untilQuiet } from '../timing.ts';
import { measureRelay } from './relay.ts';
import { relayServer, type ScenarioOptions } from './scenario.ts';

/** Devices among which the stored messages are spread. */
const ABSENT = 100;

interface Measured {
  readonly intervals: readonly Interval[];
  /** Memory of the server before the first measurement. */
  readonly residentMb: number;
}

/** How the speed of the relay changes with the messages that wait for absent devices. */
export async function storedScenario(options: ScenarioOptions): Promise<Table> {
  const { shapes, stored } = options.sizes;
  const shape = shapes[0] ?? { pairs: 1, window: 1 };
  const measured = new Map<number, Measured>();
  for (const count of stored) {
    await using server = await relayServer(options, `stored-${count}`);
    await store(server, count);
    await untilQuiet(server);
    const residentMb = residentBytes(server.pid) / 1024 / 1024;
    const intervals: Interval[] = [];
    for (let round = 0; round < options.rounds; round += 1) {
      await untilQuiet(server);
      intervals.push(await measureRelay(server, shape, {}, options));
    }
    measured.set(count, { intervals, residentMb });
  }
  const [first] = measured;
  const peer: Peer | undefined = first && { name: `that with ${first[0]}`, intervals: first[1].intervals };
  const rows = [...measured].flatMap(([count, { intervals, residentMb }]): readonly Row[] => [
    ...throughputRows(`${count} messages in store`, intervals, {
      unit: 'msg',
      ...(peer === undefined || count === first?.[0] ? {} : { peer }),
    }),
    figureRow('  memory of the server', 'MB', [residentMb]),
  ]);
  const title = `Stored mail: relay of ${shape.pairs} pairs, window ${shape.window}, ${MESSAGE_BYTES} bytes, while messages wait for ${ABSENT} absent devices`;
  return { scenario: 'stored', title, rows };
}

/** Each absent device gets its share from a sender of its own. */
async function store(server: RelayServer, count: number): Promise<void> {
  const dial = ownConnections(server.address);
  const devices = Math.min(ABSENT, count);
  await inLanes(devices, async (index) => {
    const sender = await LoadSession.open(server, { dial });
    const absent = await LoadSession.open(server, { dial });
    const channel = newChannel();
    for (const session of [sender, absent]) {
      await joinChannel(session, channel, [sender.device.deviceId, absent.device.deviceId]);
    }
    await absent.close();
    const share = Math.floor((count * (index + 1)) / devices) - Math.floor((count * index) / devices);
    await new Poster(sender, channel).post(share);
    await sender.close();
  });
}
