import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deviceStateFromJson, deviceStateToJson } from '../../src/client/device/device-store.ts';
import {
  type Client,
  createClient,
  createDevice,
  type DeviceStore,
  MemoryDeviceStore,
  type Message,
} from '../../src/client/index.ts';
import { isJsonObject } from '../../src/protocol/json/json.ts';
import { RestartableServer } from '../kit/restartable-server.ts';
import { finish, type World, world } from './client-world.ts';
import type { SimulatedServer } from './simulated-server.ts';

const [FIRST, SECOND] = ['1'.repeat(32), '2'.repeat(32)];
const OLD = ['one', 'two', 'three', 'four', 'five'];
const NEW = ['six', 'seven', 'eight'];

/** Puts the server back to its first `last` letters, as another history whose numbers begin at `since`. */
function restore(server: SimulatedServer, last: number, confirmed: number, since: number): void {
  for (const session of server.sessions) session.drop();
  server.letters = OLD.slice(confirmed, last).map((text, index) => ({
    number: confirmed + index + 1,
    channel: 7,
    type: 5,
    payload: Buffer.from(text),
  }));
  server.confirmed = confirmed;
  server.last = since - 1;
  server.history = { epoch: SECOND, since };
}

interface Listening {
  readonly client: Client;
  readonly texts: string[];
  readonly told: unknown[];
}

async function listening({ clock, client: create }: World, store?: DeviceStore): Promise<Listening> {
  const client = create(store === undefined ? {} : { store });
  const [texts, told]: [string[], unknown[]] = [[], []];
  client.on('message', ({ text }) => texts.push(text));
  client.on('history', (event) => told.push(event));
  client.on('error', ({ code }) => told.push(code));
  await finish(clock, client.connect());
  return { client, texts, told };
}

for (const [what, since] of [
  ['skips what the lost history may have used', 1000],
  ['uses numbers of the lost history again', 4],
] as const) {
  test(`given a server restored from a backup that ${what}, when a client reconnects, then new messages arrive, old ones do not come again, and it is told once`, async () => {
    const created = world();
    const { clock, server, network, store } = created;
    server.history = { epoch: FIRST, since: 1 };
    const { client, texts, told } = await listening(created);
    for (const text of OLD) server.deliver(text);
    await clock.until(() => server.confirmed === OLD.length);
    restore(server, 3, 2, since);
    await clock.until(() => client.state === 'connected' && network.opened === 2);
    for (const text of NEW) server.deliver(text);
    await clock.until(() => server.confirmed === since + NEW.length - 1);
    network.cut();
    await clock.until(() => client.state === 'connected' && network.opened === 3);
    assert.deepEqual(texts, [...OLD, ...NEW]);
    assert.deepEqual(told, [{ previous: FIRST, epoch: SECOND, since }]);
    const state = await store.load();
    assert.deepEqual([state?.epoch, state?.processed], [SECOND, since + NEW.length - 1]);
  });

  test(`given a server restored from a backup that ${what}, when a program starts again from its store, then the same holds, wherever its connections break`, async () => {
    for (let cut = 0; cut < 24; cut += 1) {
      const created = world([undefined, cut]);
      const { clock, server } = created;
      server.history = { epoch: FIRST, since: 1 };
      const first = await listening(created);
      for (const text of OLD) server.deliver(text);
      await clock.until(() => server.confirmed === OLD.length);
      await finish(clock, first.client.close());
      restore(server, 3, 2, since);
      const second = await listening(created);
      for (const text of NEW) server.deliver(text);
      await clock.until(() => server.confirmed === since + NEW.length - 1);
      assert.deepEqual(second.texts, NEW);
      assert.deepEqual(second.told, [{ previous: FIRST, epoch: SECOND, since }]);
    }
  });
}

test('given messages that the application still holds, when their numbers start anew, then to finish them confirms nothing of the new history', async () => {
  const created = world();
  const { clock, server, network, connected } = created;
  server.history = { epoch: FIRST, since: 1 };
  const client = await connected();
  const messages = client.messages({ acknowledge: 'manual' });
  for (const text of OLD) server.deliver(text);
  const held: Message[] = [];
  while (held.length < 3) held.push((await finish(clock, messages.next())).value as Message);
  restore(server, 1, 0, 2);
  await clock.until(() => client.state === 'connected' && network.opened === 2);
  for (const text of NEW) server.deliver(text);
  for (const message of held) message.ack();
  await clock.advance(100);
  assert.equal(server.confirmed, 1, 'the first one is common to both histories');
  const rest: string[] = [];
  while (rest.length < 5) {
    const { value } = await finish(clock, messages.next());
    rest.push(value?.text ?? '');
    value?.ack();
  }
  assert.deepEqual(rest, ['four', 'five', ...NEW]);
  await clock.until(() => server.confirmed === 4);
});

test('given a store at work on a number of the lost history, when it is done after the new one began, then the number is not confirmed', async () => {
  const created = world();
  const { clock, server, network, store } = created;
  server.history = { epoch: FIRST, since: 1 };
  const releases: (() => void)[] = [];
  const slow: DeviceStore = {
    load: () => store.load(),
    save: (state) => {
      if (state.processed === undefined) return store.save(state);
      return new Promise((resolve) => {
        releases.push(() => {
          store.save(state);
          resolve();
        });
      });
    },
  };
  const { client, texts } = await listening(created, slow);
  for (const text of OLD) server.deliver(text);
  await clock.until(() => releases.length === 1 && texts.length === OLD.length);
  restore(server, 0, 0, 1);
  await clock.until(() => client.state === 'connected' && network.opened === 2);
  for (const text of NEW) server.deliver(text);
  await clock.until(() => texts.length === OLD.length + NEW.length);
  releases.shift()?.();
  await clock.advance(50);
  assert.deepEqual(server.confirmations, []);
  for (let turn = 0; turn < 10 && server.confirmed < NEW.length; turn += 1) {
    for (const release of releases.splice(0)) release();
    await clock.advance(10);
  }
  assert.deepEqual([server.confirmed, (await store.load())?.epoch], [3, SECOND]);
});

test('given a store of an earlier release, when a server names its history, then the numbers go on and nobody is told', async () => {
  const created = world();
  const { clock, server, store } = created;
  const state = await store.load();
  assert.ok(state);
  const former = deviceStateToJson({ ...state, processed: 2 });
  assert.equal('epoch' in former, false);
  store.save(deviceStateFromJson(former));
  for (const text of OLD) server.deliver(text);
  server.history = { epoch: FIRST, since: 1 };
  const { client, texts, told } = await listening(created);
  await clock.until(() => server.confirmed === OLD.length);
  assert.deepEqual([texts, told], [OLD.slice(2), []]);
  await finish(clock, client.close());
  const kept = await store.load();
  assert.ok(kept);
  const json = deviceStateToJson(kept);
  assert.ok(isJsonObject(json));
  assert.deepEqual([json.epoch, deviceStateFromJson(json).epoch], [FIRST, FIRST]);
  // And back at a server that names none.
  server.history = undefined;
  const again = await listening(created);
  server.deliver('six');
  await clock.until(() => again.texts.length === 1);
  assert.deepEqual(again.told, []);
});

test('given a real server whose data folder is put back from a backup, when its devices come back, then all that is sent from then on arrives once and they are told', {
  timeout: 120_000,
}, async () => {
  await using server = await RestartableServer.start();
  const stores = ['alice', 'bob'].map((deviceId) => new MemoryDeviceStore(createDevice({ deviceId })));
  const open = (): Promise<readonly [Client, Client]> => openPair(server, stores);
  const say = async ([alice, bob]: readonly [Client, Client], count: number): Promise<string[]> => {
    const texts = Array.from({ length: count }, (_, index) => `${index}`);
    const sent = Promise.all(texts.map((text) => alice.send(7, text)));
    const seen: string[] = [];
    for await (const message of bob.messages()) {
      seen.push(message.text);
      message.ack();
      if (seen.length === count) break;
    }
    assert.deepEqual(seen, texts);
    const receipts = await sent;
    assert.ok(receipts.every(({ notStored }) => notStored === 0));
    return seen;
  };
  let pair = await open();
  await say(pair, 10);
  for (const client of pair) await client.close();
  await server.stop();
  server.backUp();
  await server.start();
  pair = await open();
  await say(pair, 30);
  for (const client of pair) await client.close();
  await server.stop();
  server.restore();
  await server.start();
  const told: string[] = [];
  pair = await openPair(server, stores, (event) => told.push(event));
  await say(pair, 50);
  assert.deepEqual(told, ['history', 'history']);
  for (const client of pair) await client.close();
});

async function openPair(
  server: RestartableServer,
  stores: readonly MemoryDeviceStore[],
  tell: (event: string) => void = () => undefined,
): Promise<readonly [Client, Client]> {
  const { port, ca, domain, noisePublic } = server.address;
  const clients = stores.map((store) => {
    const url = `https://localhost:${port}`;
    const client = createClient({ url, ca, domain, serverStatic: noisePublic, store });
    client.on('history', () => tell('history'));
    client.on('error', ({ code }) => tell(code));
    client.on('expired', () => tell('expired'));
    return client;
  });
  for (const client of clients) await client.connect();
  const [alice, bob] = clients;
  assert.ok(alice && bob);
  await alice.join(7, { members: ['bob'] });
  await bob.join(7, { members: ['alice'] });
  return [alice, bob];
}
