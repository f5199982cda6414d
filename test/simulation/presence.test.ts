import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { turns } from '../kit/waiting.ts';
import type { RelayWorld } from './relay-world.ts';
import type { TestClient } from './test-client.ts';
import { world } from './worlds.ts';

async function together(channel: number, ...clients: readonly TestClient[]): Promise<void> {
  const members = clients.map(({ device }) => device);
  for (const client of clients) await client.join(channel, members);
  await turns(12);
}

const publish = (client: TestClient, state?: string): number =>
  client.post(FRAME.PRESENCE, 0, state === undefined ? {} : { state });

/** Lets the collecting time pass; returns what each client was told: `device state`. */
async function told(server: RelayWorld, ...clients: readonly TestClient[]): Promise<string[][]> {
  await server.clock.settle();
  await server.clock.advance(500);
  await server.clock.settle();
  return clients.map((client) => {
    const seen = client.of(FRAME.PRESENCE);
    for (const frame of seen) {
      assert.equal(frame.channel, 0);
      assert.deepEqual(Object.keys(frame.json).sort(), ['entity', 'peer', 'state']);
    }
    client.frames.splice(0);
    return seen.map(({ json }) => `${json.entity} ${json.state}`).sort();
  });
}

test('given devices that publish on a common channel, then they see each other, changes and the end included', async () => {
  await using server = await world();
  const [alice, bob] = [await server.connect('alice'), await server.connect('bob')];
  await together(7, alice, bob);
  publish(alice);
  assert.deepEqual(await told(server, alice, bob), [[], []]);
  publish(bob, 'busy');
  assert.deepEqual(await told(server, alice, bob), [['bob busy'], ['alice online']]);
  publish(alice, 'away');
  assert.deepEqual(await told(server, alice, bob), [[], ['alice away']]);
  await alice.leave();
  assert.deepEqual(await told(server, bob), [['alice offline']]);
});

test('given a device that never publishes, then nobody is told of it, and it is told of nobody', async () => {
  await using server = await world();
  const [alice, bob, carol] = [
    await server.connect('alice'),
    await server.connect('bob'),
    await server.connect('carol'),
  ];
  await together(7, alice, bob, carol);
  publish(alice);
  publish(bob);
  assert.deepEqual(await told(server, alice, bob, carol), [['bob online'], ['alice online'], []]);
  await carol.leave();
  assert.deepEqual(await told(server, alice, bob), [[], []]);
});

test('given devices without a common channel, then they do not see each other, until they share one', async () => {
  await using server = await world();
  const [alice, mallory] = [await server.connect('alice'), await server.connect('mallory')];
  await alice.join(7, ['alice']);
  await mallory.join(7, ['mallory', 'alice']);
  publish(alice);
  publish(mallory);
  assert.deepEqual(await told(server, alice, mallory), [[], []]);
  await together(8, alice, mallory);
  assert.deepEqual(await told(server, alice, mallory), [['mallory online'], ['alice online']]);
});

test('given a device that shares several channels, then it is told once', async () => {
  await using server = await world();
  const [alice, bob] = [await server.connect('alice'), await server.connect('bob')];
  for (const channel of [7, 8, 9]) await together(channel, alice, bob);
  publish(bob);
  await told(server, alice, bob);
  publish(alice);
  assert.deepEqual(await told(server, alice, bob), [['bob online'], ['alice online']]);
});

test('given a device that comes back within the collecting time, then others are told nothing, and it what it missed', async () => {
  await using server = await world();
  const [alice, bob] = [await server.connect('alice'), await server.connect('bob')];
  await together(7, alice, bob);
  publish(alice);
  publish(bob, 'busy');
  await told(server, alice, bob);
  await alice.leave();
  const again = await server.connect('alice');
  publish(again, 'away');
  publish(again, 'online');
  assert.deepEqual(await told(server, again, bob), [['bob busy'], []]);
});

test('given a connection that is replaced, when the older one ends, then the device stays online', async () => {
  await using server = await world();
  const [first, bob] = [await server.connect('alice'), await server.connect('bob')];
  await together(7, first, bob);
  publish(first);
  publish(bob);
  await told(server, first, bob);
  const second = await server.connect('alice');
  publish(second);
  assert.deepEqual(await told(server, bob), [[]]);
  await second.leave();
  assert.deepEqual(await told(server, bob), [['alice offline']]);
});

test('given a channel that is too large, then it carries no presence', async () => {
  await using server = await world({ membersPerChannel: 400, listingsPerDevice: 4096 });
  const clients: TestClient[] = [];
  for (let number = 0; number < 258; number += 1) clients.push(await server.connect(`d-${number}`));
  const [first, second, last] = [clients[0], clients[1], clients[257]] as [
    TestClient,
    TestClient,
    TestClient,
  ];
  const names = clients.map(({ device }) => device);
  for (const client of clients.slice(0, 256)) assert.equal((await client.join(7, names)).type, FRAME.ACK);
  publish(first);
  publish(second);
  assert.deepEqual(await told(server, first), [['d-1 online']]);
  await last.join(7, names);
  publish(second, 'away');
  assert.deepEqual(await told(server, first), [[]]);
});

test('given many devices that come back at once, then each round sends a bounded number of frames, and all are told in the end', async () => {
  await using server = await world({ membersPerChannel: 400, listingsPerDevice: 4096 });
  const clients: TestClient[] = [];
  for (let number = 0; number < 60; number += 1) clients.push(await server.connect(`d-${number}`));
  await together(7, ...clients);
  for (const client of clients) publish(client);
  const counts: number[] = [];
  for (let round = 0; round < 4; round += 1) {
    await server.clock.settle();
    await server.clock.advance(500);
    await server.clock.settle();
    counts.push(clients.reduce((sum, client) => sum + client.of(FRAME.PRESENCE).length, 0));
  }
  assert.ok((counts[0] ?? 0) > 0 && (counts[0] ?? 0) <= 2_000, `first round: ${counts[0]}`);
  assert.ok((counts[1] ?? 0) - (counts[0] ?? 0) <= 2_000, `second round: ${counts}`);
  for (const client of clients) {
    const known = new Set(client.of(FRAME.PRESENCE).map(({ json }) => json.entity));
    assert.equal(known.size, 59, client.device);
  }
});
