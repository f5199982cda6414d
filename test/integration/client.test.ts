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

test(
  'given a device that is offline, when the server stops and starts again meanwhile, then it gets all that was sent',
  limits,
  async () => {
    const own = await startTestServer(['server.auto_approve_devices=true', 'channels.reach=anyone']);
    try {
      const store = new MemoryDeviceStore(createDevice({ deviceId: 'two' }));
      const alice = await connect(own.newDevice('one'));
      const first = await connect(own.options(store));
      await alice.join(7, { members: ['two'] });
      await first.join(7, { members: ['one'] });
      await first.close();
      const lines = Array.from({ length: 300 }, (_, index) => `line ${index}`);
      const sent = lines.slice(0, 150).map((line) => alice.send(7, line));
      await sent[50];
      await own.stop();
      const later = lines.slice(150).map((line) => alice.send(7, line));
      await own.start();
      await Promise.all([...sent, ...later]);
      const second = await connect(own.options(store));
      assert.deepEqual(await texts(second, lines.length), lines);
      assert.deepEqual(alice.channels, [7]);
      await Promise.all([alice.close(), second.close()]);
      const third = await connect(own.options(store));
      assert.equal(third.session?.inbox?.confirmed, 300);
      await third.close();
    } finally {
      await own.close();
    }
  },
);

test(
  'given a session, when the same device connects again, then the older client ends with CLIENT_REPLACED',
  limits,
  async () => {
    const device = createDevice({ deviceId: 'twin' });
    const older = await connect(server.options(new MemoryDeviceStore(device)));
    const ended = new Promise<ClientError | undefined>((resolve) => {
      older.on('closed', ({ error }) => resolve(error));
    });
    const newer = await connect(server.options(new MemoryDeviceStore(device)));
    assert.equal((await ended)?.code, 'CLIENT_REPLACED');
    assert.equal(newer.state, 'connected');
    await newer.close();
  },
);

test(
  'given errors of the protocol, when they concern one frame, then its promise tells the code and the session goes on',
  limits,
  async () => {
    const client = await connect(server.newDevice('clumsy'));
    await assert.rejects(client.send(99, 'x'), (error) => {
      assert.ok(error instanceof ClientError);
      assert.deepEqual([error.code, error.wire?.error], ['CLIENT_REFUSED', 'unknown_channel']);
      return true;
    });
    await assert.rejects(client.send(7, new Uint8Array(65_519)), { code: 'CLIENT_TOO_LARGE' });
    await assert.rejects(client.callAnswer(7, {}), { code: 'CLIENT_REFUSED' });
    assert.equal(client.state, 'connected');
    await client.close();
  },
);

test(
  'given live-only frames and events, when they are sent, then the other side gets them as events',
  limits,
  async () => {
    const [alice, bob] = await pair('live');
    const typing = new Promise((resolve) => {
      bob.on('typing', resolve);
    });
    const voice = new Promise((resolve) => {
      bob.on('voice', resolve);
    });
    const updated = new Promise((resolve) => {
      bob.on('keyUpdate', resolve);
    });
    assert.ok(alice.typing(7, { typing: true }));
    assert.ok(alice.voice(7, Uint8Array.of(1, 2, 3)));
    await alice.keyUpdate(7, { key: 'k' });
    assert.deepEqual({ ...((await typing) as { value: object }).value }, { device: 'live-1', typing: true });
    assert.deepEqual(Array.from(((await voice) as { payload: Uint8Array }).payload), [1, 2, 3]);
    assert.equal(((await updated) as { number: number }).number, 1);
    alice.presence('away');
    await Promise.all([alice.close(), bob.close()]);
  },
);

test(
  'given a server that is not what was pinned, when a client connects, then it says what is wrong',
  limits,
  async () => {
    const options = server.newDevice('careful');
    const { ca: _, ...untrusting } = options;
    await assert.rejects(connect(untrusting), { code: 'CLIENT_TLS' });
    await assert.rejects(connect({ ...options, url: 'https://localhost:1' }), { code: 'CLIENT_TRANSPORT' });
    await assert.rejects(connect({ ...options, url: `${server.url}/nowhere` }), {
      code: 'CLIENT_HTTP',
      retryable: false,
    });
    for (const pattern of ['XK', 'IK'] as const) {
      const domain = connect({ ...options, pattern, domain: 'Client.test' });
      await assert.rejects(domain, { code: 'CLIENT_SERVER_KEY', message: /domain/ });
      const key = connect({ ...options, pattern, serverStatic: '11'.repeat(32) });
      await assert.rejects(key, { code: 'CLIENT_SERVER_KEY', message: /Noise key/ });
    }
    await (await connect(server.newDevice('taken'))).close();
    await assert.rejects(connect(server.newDevice('taken')), { code: 'CLIENT_DEVICE_TAKEN' });
    const renamed = createDevice({ deviceId: 'renamed' });
    await (await connect(server.options(new MemoryDeviceStore(renamed)))).close();
    const other = new MemoryDeviceStore({ ...renamed, handle: 'another' });
    await assert.rejects(connect(server.options(other)), { code: 'CLIENT_DEVICE_TAKEN' });
    for (const bytes of [0, 1]) {
      const serverStatic = new Uint8Array(32);
      serverStatic[0] = bytes;
      await assert.rejects(connect({ ...options, serverStatic }), { code: 'CLIENT_OPTIONS' });
    }
    const ca = 5 as unknown as string;
    await assert.rejects(connect({ ...options, ca }), { code: 'CLIENT_OPTIONS' });
    assert.throws(() => createClient({ ...options, userAgent: 'two\nlines' }), { code: 'CLIENT_OPTIONS' });
    await assert.rejects(fetchServerInfo(server.url), { code: 'CLIENT_TLS' });
    await assert.rejects(fetchServerInfo(server.url, { ca }), ClientError);
    assert.throws(() => createClient({ ...options, serverStatic: 'xy' }), { code: 'CLIENT_OPTIONS' });
    assert.throws(() => createClient({ ...options, url: 'http://localhost' }), { code: 'CLIENT_OPTIONS' });
    assert.throws(() => createClient({ ...options, url: 'https://example.org', insecureLoopback: true }), {
      code: 'CLIENT_OPTIONS',
    });
    const trusting = await connect({ ...untrusting, insecureLoopback: true });
    await trusting.close();
  },
);

test('given a closed door, when an unknown device connects, then it must be paired', limits, async () => {
  const own = await startTestServer();
  try {
    await assert.rejects(connect(own.newDevice('stranger')), { code: 'CLIENT_PAIRING_REQUIRED' });
  } finally {
    await own.close();
  }
});

test(
  'given a pinned authority, when the server comes back with another one, then the client ends with CLIENT_CERTIFICATE',
  limits,
  async () => {
    const own = await startTestServer(['server.auto_approve_devices=true']);
    try {
      const store = new MemoryDeviceStore(createDevice({ deviceId: 'loyal' }));
      await (await connect(own.options(store))).close();
      await own.stop();
      own.changeAuthority();
      await own.start();
      // With the old certificate in its HELLO the new authority would refuse it; without, the ACK decides.
      const state = await store.load();
      assert.ok(state);
      store.save({ ...state, device: { ...state.device, certificate: undefined } });
      await assert.rejects(connect(own.options(store)), { code: 'CLIENT_CERTIFICATE' });
    } finally {
      await own.close();
    }
  },
);
