import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import type { RelayWorld } from './relay-world.ts';
import type { TestClient } from './test-client.ts';
import { world } from './worlds.ts';

const ROOM = 77;
const INTERVAL = 500;

const older = (server: RelayWorld, device: string): Promise<TestClient> =>
  server.connect(device, { generation: 'plaintext', capabilities: [] });

/** Type and content of the notices that have come since the last call. */
function notices(client: TestClient): unknown[] {
  const told = client.frames.filter(({ type }) => type === FRAME.JOIN || type === FRAME.LEAVE);
  client.frames.length = 0;
  return told.map(({ type, channel, json }) => [type === FRAME.JOIN ? 'JOIN' : 'LEAVE', channel, json]);
}

test('given an open room, when older clients join, then each is told who is there, the one that joins too', async () => {
  await using server = await world();
  const one = await older(server, 'one');
  const two = await older(server, 'two');
  await one.join(ROOM, ['one']);
  assert.deepEqual(notices(one), [['JOIN', ROOM, { members: ['one'] }]]);
  await two.join(ROOM, ['two']);
  await server.clock.advance(INTERVAL);
  const both = [['JOIN', ROOM, { members: ['one', 'two'] }]];
  assert.deepEqual(notices(one), both);
  assert.deepEqual(notices(two).slice(-1), both);
});

test('given an older client that comes back, when it repeats its JOIN, then it alone is told who is there', async () => {
  await using server = await world();
  const one = await older(server, 'one');
  const two = await older(server, 'two');
  await one.join(ROOM, ['one']);
  await two.join(ROOM, ['two']);
  await server.clock.advance(INTERVAL);
  notices(one);
  await two.leave();
  const back = await older(server, 'two');
  await back.join(ROOM, ['two']);
  await server.clock.advance(INTERVAL);
  assert.deepEqual(notices(back), [['JOIN', ROOM, { members: ['one', 'two'] }]]);
  assert.deepEqual(notices(one), []);
});

test('given an open room, when a device leaves, then those who stay are told', async () => {
  await using server = await world();
  const one = await older(server, 'one');
  const two = await older(server, 'two');
  await one.join(ROOM, ['one']);
  await two.join(ROOM, ['two']);
  await server.clock.advance(2 * INTERVAL);
  notices(one);
  notices(two);
  await two.ask(FRAME.LEAVE, ROOM, {});
  assert.deepEqual(notices(one), [['LEAVE', ROOM, { device: 'two' }]]);
  assert.deepEqual(notices(two), []);
});

test('given a device that joins and leaves in a loop, when an interval is over, then the room is told once', async () => {
  await using server = await world();
  const one = await older(server, 'one');
  const two = await older(server, 'two');
  await one.join(ROOM, ['one']);
  await server.clock.advance(INTERVAL);
  notices(one);
  for (let round = 0; round < 20; round += 1) {
    await two.join(ROOM, ['two']);
    await two.ask(FRAME.LEAVE, ROOM, {});
  }
  await server.clock.advance(INTERVAL);
  assert.deepEqual(notices(one), [
    ['JOIN', ROOM, { members: ['one', 'two'] }],
    ['LEAVE', ROOM, { device: 'two' }],
    ['JOIN', ROOM, { members: ['one'] }],
  ]);
});

test('given sessions with records in an open room, when somebody joins or leaves, then they are told nothing', async () => {
  await using server = await world({ openRooms: 'always' });
  const modern = await server.connect('modern');
  const old = await older(server, 'old');
  await modern.join(ROOM, ['modern']);
  await old.join(ROOM, ['old']);
  await server.clock.advance(INTERVAL);
  assert.deepEqual(notices(old).slice(-1), [['JOIN', ROOM, { members: ['modern', 'old'] }]]);
  await old.ask(FRAME.LEAVE, ROOM, {});
  await server.clock.advance(INTERVAL);
  assert.deepEqual(notices(modern), []);
});

test('given an older client on a channel that is no open room, when others join, then it is told nothing', async () => {
  await using server = await world();
  const modern = await server.connect('modern');
  const old = await older(server, 'old');
  await modern.join(ROOM, ['modern', 'old']);
  await old.join(ROOM, ['old', 'modern']);
  await server.clock.advance(INTERVAL);
  assert.deepEqual(notices(old), []);
});

test('given a room above the limit, when older clients join, then each is told only that it is in', async () => {
  await using server = await world({ openRooms: 'always', presenceMembers: 2 });
  const one = await older(server, 'one');
  await one.join(ROOM, ['one']);
  for (const device of ['two', 'three']) {
    const modern = await server.connect(device);
    await modern.join(ROOM, [device]);
  }
  await server.clock.advance(INTERVAL);
  notices(one);
  const four = await older(server, 'four');
  await four.join(ROOM, ['four']);
  await server.clock.advance(INTERVAL);
  assert.deepEqual(notices(four), [['JOIN', ROOM, { members: ['four'] }]]);
  assert.deepEqual(notices(one), []);
});
