import { after, before, test } from 'node:test';
import { concatBytes, utf8 } from '../../src/protocol/bytes.ts';
import { encodeFrame } from '../../src/protocol/frame.ts';
import { FRAME } from '../../src/protocol/frame-types.ts';
import type { SeenFrame, WireClient } from '../support/wire-client.ts';
import { Fortress, pause } from './fortress.ts';
import { besiege } from './siege.ts';

/** Frames that cost the server more than they seem to: each attack runs for some seconds, or until it is refused. */
const limits = { timeout: 120_000 };
const ATTACK_MS = 4_000;
const RECORD = 60_000;
const LONGEST_ID = 128;
let fortress: Fortress;

/** Device ids of the greatest length. */
function ids(stem: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${stem}-${index}`.padEnd(LONGEST_ID, 'x'));
}

/** Sends frames in as few writes as possible; returns the sequence of the last one. */
function pour(client: WireClient, frames: readonly (readonly [number, number, Uint8Array])[]): number {
  let last = 0;
  const encoded = frames.map(([type, channel, payload]) => {
    last = client.nextSequence();
    return encodeFrame(type, channel, last, payload);
  });
  const bytes = concatBytes(...encoded);
  for (let at = 0; at < bytes.length; at += RECORD)
    client.write(client.wrap(bytes.subarray(at, at + RECORD)));
  return last;
}

function answerTo(client: WireClient, sequence: number): Promise<SeenFrame> {
  return client.until(
    ({ type, json }) => (type === FRAME.ACK || type === FRAME.ERROR) && json?.ack === sequence,
  );
}

function ask(client: WireClient, type: number, channel: number, document: object): Promise<SeenFrame> {
  return answerTo(client, pour(client, [[type, channel, utf8(JSON.stringify(document))]]));
}

before(async () => {
  fortress = await Fortress.start(['security.rate_limit.connect_burst=100000', 'log.segment_bytes=1048576']);
});
after(() => fortress[Symbol.asyncDispose]());

test(
  'JOIN and LEAVE: given devices that name a thousand others and leave, over and over, then neither memory nor disk keeps what is gone',
  limits,
  (t) =>
    besiege(
      t,
      fortress,
      async () => {
        const members = ids('nobody', 1_024);
        const end = performance.now() + ATTACK_MS;
        const loop = async (): Promise<void> => {
          const device = await fortress.intruder();
          while (performance.now() < end) {
            const answer = await ask(device, FRAME.JOIN, 7, { members });
            await ask(device, FRAME.LEAVE, 7, {});
            if (answer.type === FRAME.ERROR) await pause(20);
          }
        };
        await Promise.all([loop(), loop(), loop()]);
      },
      { counted: [], growth: 128, disk: 24 },
    ),
);

test(
  'deep JSON: given strangers and a session that send documents as deep and long as they may, then reading them takes no core',
  limits,
  (t) =>
    besiege(
      t,
      fortress,
      async () => {
        const deep = utf8(`[${`${'['.repeat(120)}${']'.repeat(120)},`.repeat(1_085)}1]`);
        const device = await fortress.intruder();
        const end = performance.now() + ATTACK_MS;
        while (performance.now() < end) {
          const stranger = fortress.stranger();
          stranger.write(encodeFrame(FRAME.HELLO, 0, 1, deep));
          pour(device, [[FRAME.LEAVE, 78, deep]]);
          await pause(100);
          stranger.close();
        }
      },
      { counted: [], growth: 128 },
    ),
);
