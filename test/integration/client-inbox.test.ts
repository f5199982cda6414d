import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeviceStore } from '../../src/client/index.ts';
import { finish, reader, world } from './client-world.ts';

const DOWN = Array.from({ length: 10 }, (_, index) => `down ${index}`);

test('given messages, when the reader stops asking, then no more is confirmed than it finished', async () => {
  const { clock, server, client: create } = world();
  for (const text of DOWN) server.deliver(text);
  const client = create();
  void client.connect();
  const messages = client.messages();
  const first = messages.next();
  await clock.until(() => client.state === 'connected');
  assert.equal((await finish(clock, first)).value?.text, 'down 0');
  await clock.advance(50);
  assert.deepEqual(server.confirmations, []);
  await messages.next();
  await messages.next();
  await clock.until(() => server.confirmed === 2);
  await messages.return?.();
  await clock.advance(50);
  assert.equal(server.confirmed, 2);
  const again = await client.messages().next();
  assert.equal(again.value?.text, 'down 2');
});

test('given mail that comes in one chunk with the end of the handshake, when it is read, then none of it is lost', async () => {
  const { clock, server, network, client: create } = world();
  network.glued = true;
  for (const text of DOWN) server.deliver(text);
  const client = create();
  const seen = reader(client);
  void client.connect();
  await clock.until(() => server.confirmed === DOWN.length);
  assert.deepEqual(
    seen.map(({ text }) => text),
    DOWN,
  );
});

test('given manual mode, when messages are acknowledged out of order, then only what is complete is confirmed', async () => {
  const { clock, server, client: create } = world();
  for (const text of DOWN) server.deliver(text);
  const client = create();
  void client.connect();
  await clock.until(() => client.state === 'connected');
  const messages = client.messages({ acknowledge: 'manual' });
  const taken = [];
  for (let count = 0; count < 3; count += 1) taken.push((await finish(clock, messages.next())).value);
  taken[1]?.ack();
  taken[2]?.ack();
  await clock.advance(50);
  assert.equal(server.confirmed, 0);
  taken[0]?.ack();
  await clock.until(() => server.confirmed === 3);
  assert.deepEqual(server.confirmations, [3]);
});

test('given a store that is slow or fails, when messages are processed, then they are confirmed only when it has kept them', async () => {
  const { clock, server, store, client: create } = world();
  let release: (() => void) | undefined;
  let failing = true;
  const slow: DeviceStore = {
    load: () => store.load(),
    save: (state) => {
      if (state.processed === undefined) return store.save(state);
      if (failing) return Promise.reject(new Error('disk full'));
      return new Promise((resolve) => {
        release = () => {
          store.save(state);
          resolve();
        };
      });
    },
  };
  const client = create({ store: slow });
  const errors: string[] = [];
  client.on('error', ({ code }) => errors.push(code));
  const seen = reader(client);
  void client.connect();
  await clock.until(() => client.state === 'connected');
  server.deliver('one');
  await clock.until(() => errors.length > 0);
  failing = false;
  server.deliver('two');
  server.deliver('three');
  await clock.until(() => release !== undefined && seen.length === 3);
  await clock.advance(50);
  assert.deepEqual([errors, server.confirmations], [['CLIENT_STORE'], []]);
  release?.();
  await clock.until(() => server.confirmations.length > 0);
  assert.equal((await store.load())?.processed, server.confirmations[0]);
});

test('given a server that lost its log, when a client with a higher number comes back, then it says so and takes messages again', async () => {
  const { clock, server, store, client: create } = world();
  const state = await store.load();
  assert.ok(state);
  store.save({ ...state, processed: 500 });
  const client = create();
  const errors: string[] = [];
  client.on('error', ({ code }) => errors.push(code));
  const seen = reader(client);
  void client.connect();
  await clock.until(() => client.state === 'connected');
  server.deliver('new');
  await clock.until(() => server.confirmed === 1);
  assert.deepEqual([errors, seen.map(({ text }) => text)], [['CLIENT_INBOX_RESET'], ['new']]);
});
