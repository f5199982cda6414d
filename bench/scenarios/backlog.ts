import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { encodeJson } from '../../src/protocol/json/json.ts';
import { BARE_PATHS } from '../bare-paths.ts';
import { throughputRows } from '../figures.ts';
import { ownConnections } from '../load/dial.ts';
import { joinChannel, newChannel } from '../load/pair.ts';
import { Poster } from '../load/poster.ts';
import { LoadSession, newDevice, unexpectedFrame } from '../load/session.ts';
import { MESSAGE_BYTES } from '../load/writes.ts';
import type { Table } from '../report.ts';
import { type RelayServer, type ServerChild, startBareServer } from '../servers.ts';
import { type Interval, stopwatch, untilQuiet } from '../timing.ts';
import { relayServer, type ScenarioOptions } from './scenario.ts';

const CAPABILITIES = ['delivery-ack', 'resume'];

/** How fast a device gets what waited for it, from before it connects to its last message. */
export async function backlogScenario(options: ScenarioOptions): Promise<Table> {
  const { backlog } = options.sizes;
  await using bare = await startBareServer();
  await using server = await relayServer(options, 'backlog');
  const limits: Interval[] = [];
  const unconfirmed: Interval[] = [];
  const confirmed: Interval[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    limits.push(await pour(bare, backlog));
    unconfirmed.push(await drain(server, backlog, []));
    confirmed.push(await drain(server, backlog, CAPABILITIES));
  }
  const peer = { name: 'bare writes', intervals: limits };
  const rows = [
    ...throughputRows('bare writes', limits, { unit: 'frame' }),
    ...throughputRows('drained', unconfirmed, { unit: 'frame', peer }),
    ...throughputRows('drained, confirmed by delivery-ack', confirmed, { unit: 'frame', peer }),
  ];
  const title = `Backlog: ${backlog} messages of ${MESSAGE_BYTES} bytes wait for a device that connects; bare writes: node:http2 writes as many`;
  return { scenario: 'backlog', title, rows };
}

async function pour(bare: ServerChild, count: number): Promise<Interval> {
  let bytes = 0;
  const stop = stopwatch(bare, () => Math.floor(bytes / MESSAGE_BYTES));
  const stream = await ownConnections(bare.address)(BARE_PATHS.pour);
  await new Promise<void>((resolve) => {
    stream.onData = (chunk) => {
      bytes += chunk.length;
      if (bytes >= count * MESSAGE_BYTES) resolve();
    };
    stream.write(Buffer.from(String(count)));
  });
  const interval = stop();
  await stream.close();
  return interval;
}

async function drain(server: RelayServer, count: number, capabilities: readonly string[]): Promise<Interval> {
  const dial = ownConnections(server.address);
  const channel = newChannel();
  const sender = await LoadSession.open(server, { dial });
  const absent = await LoadSession.open(server, { dial, capabilities, device: newDevice() });
  for (const session of [sender, absent]) {
    await joinChannel(session, channel, [sender.device.deviceId, absent.device.deviceId]);
  }
  await absent.close();
  await new Poster(sender, channel).post(count);
  await untilQuiet(server);
  let received = 0;
  const stop = stopwatch(server, () => received);
  const session = await LoadSession.open(server, { dial, capabilities, device: absent.device });
  await new Promise<void>((resolve) => {
    let last = 0;
    session.onChunk = () => {
      if (capabilities.length > 0) session.send(FRAME.ACK, 0, encodeJson({ ack: last }));
      if (received === count) resolve();
    };
    session.onFrame = (frame) => {
      if (frame.type !== FRAME.MSG || (last !== 0 && frame.sequence !== last + 1)) {
        throw unexpectedFrame('drain', frame);
      }
      last = frame.sequence;
      received += 1;
    };
  });
  const interval = stop();
  await Promise.all([session.close(), sender.close()]);
  return interval;
}
