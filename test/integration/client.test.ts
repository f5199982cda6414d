import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  type Client,
  ClientError,
  connect,
  createClient,
  createDevice,
  fetchServerInfo,
  MemoryDeviceStore,
} from '../../src/client/index.ts';
import { startTestServer, type TestServer } from './client-support.ts';

const limits = { timeout: 20_000 };
let server: TestServer;
before(async () => {
  server = await startTestServer(['server.auto_approve_devices=true', 'channels.reach=anyone']);
});
after(() => server.close());

/** Two devices in one channel. */
async function pair(name: string, pattern: 'XK' | 'IK' = 'XK'): Promise<[Client, Client]> {
  const [one, two] = [`${name}-1`, `${name}-2`];
  const alice = await connect({ ...server.newDevice(one), pattern });
  const bob = await connect({ ...server.newDevice(two), pattern });
  await alice.join(7, { members: [two] });
  await bob.join(7, { members: [one] });
  return [alice, bob];
}

async function texts(client: Client, count: number): Promise<string[]> {
  const seen: string[] = [];
  for await (const message of client.messages()) {
    seen.push(message.text);
    if (seen.length === count) {
      message.ack();
      break;
    }
  }
  return seen;
}

for (const pattern of ['XK', 'IK'] as const) {
  test(
    `given ${pattern}, when two devices chat, then each gets the lines of the other in order`,
    limits,
    async () => {
      const [alice, bob] = await pair(`chat-${pattern}`, pattern);
      const lines = Array.from({ length: 200 }, (_, index) => `line ${index}`);
      const sent = Promise.all(lines.map((line) => alice.send(7, line)));
      assert.deepEqual(await texts(bob, lines.length), lines);
      const receipts = await sent;
      assert.equal(new Set(receipts.map(({ sequence }) => sequence)).size, lines.length);
      await bob.send(7, 'thanks');
      assert.deepEqual(await texts(alice, 1), ['thanks']);
      await Promise.all([alice.close(), bob.close()]);
      assert.deepEqual([alice.state, bob.state], ['closed', 'closed']);
    },
  );
}

test('given a server, when its description is read, then it names domain and Noise key', limits, async () => {
  const info = await fetchServerInfo(server.url, { ca: server.ca });
  assert.equal(info.domain, server.domain);
  assert.deepEqual(info.noisePublic, server.noisePublic);
});
