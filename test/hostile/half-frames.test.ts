import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { utf8 } from '../../src/protocol/bytes.ts';
import { encodeFrame } from '../../src/protocol/frames/frame.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { pause } from '../kit/waiting.ts';
import type { WireClient } from '../kit/wire-client.ts';
import { pourBytes } from './attack-tools.ts';
import { Fortress, limitReached } from './fortress.ts';

const limits = { timeout: 60_000 };
const MIB = 1_048_576;
const closed = 'commucat_sessions_closed_total{reason="frame_timeout"}';
let fortress: Fortress;

/** Everything of a frame of 1 MiB but its last byte. */
function begin(client: WireClient): void {
  const frame = encodeFrame(FRAME.MSG, 5, 9, new Uint8Array(MIB - 64).fill(7)).subarray(0, -1);
  pourBytes(client, frame);
}

before(async () => {
  fortress = await Fortress.start([
    'limits.frame_ms=1500',
    'limits.partial_input_bytes=4194304',
    'limits.sessions_per_address=24',
    'limits.handshakes_per_address=100',
    'security.rate_limit.connect_burst=100000',
  ]);
});
after(() => fortress[Symbol.asyncDispose]());

test(
  'half frames: given sessions that begin a frame of 1 MiB and never end it, then those that keep most are closed at once, and the rest when their time is over',
  limits,
  () =>
    fortress.withstand(
      async () => {
        const clients: WireClient[] = [];
        for (let count = 0; count < 20; count += 1) clients.push(await fortress.intruder());
        for (const client of clients) begin(client);
        for (const client of clients) {
          const last = await client.until(({ type }) => type === FRAME.ERROR);
          assert.equal(last.json.error, 'frame_timeout');
          await client.end();
        }
      },
      { counted: [limitReached('frame_ms'), limitReached('partial_input_bytes'), closed] },
    ),
);

test(
  'half records: given a session that begins a record and no more, then its time is limited too',
  limits,
  () =>
    fortress.withstand(
      async () => {
        const client = await fortress.intruder();
        client.write(client.wrap(encodeFrame(FRAME.LEAVE, 5, 9, new Uint8Array(2))).subarray(0, 5));
        assert.equal((await client.next())?.json.error, 'frame_timeout');
      },
      { counted: [limitReached('frame_ms'), closed] },
    ),
);

test(
  'slow and honest: given frames that come in halves, each within its time and all together beyond it, then they are read',
  limits,
  () =>
    fortress.withstand(
      async () => {
        const client = await fortress.intruder();
        for (let round = 0; round < 4; round += 1) {
          const record = client.wrap(
            encodeFrame(FRAME.JOIN, 5, client.nextSequence(), utf8('{"members":[]}')),
          );
          client.write(record.subarray(0, 10));
          await pause(600);
          client.write(record.subarray(10));
          assert.equal((await client.next())?.type, FRAME.ACK);
        }
      },
      { counted: [] },
    ),
);

test('sessions of one address: given as many as allowed, when one ends, then one more gets in', limits, () =>
  fortress.withstand(
    async () => {
      const clients: WireClient[] = [];
      for (;;) {
        const stranger = fortress.stranger();
        const response = await new Promise<number>((resolve) => {
          stranger.stream.once('response', (headers: Record<string, unknown>) =>
            resolve(Number(headers[':status'])),
          );
        });
        stranger.close();
        if (response === 503) break;
        clients.push(await fortress.intruder());
        assert.ok(clients.length <= 24);
      }
      clients.pop()?.close();
      await fortress.intruder();
    },
    { counted: [limitReached('sessions_per_address')] },
  ),
);
