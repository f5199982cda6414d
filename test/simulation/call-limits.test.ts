import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallLimits } from '../../src/actors/calls/running-calls.ts';
import { MemoryLog } from '../../src/log/memory/memory-log.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { Scheduler } from '../kit/scheduler.ts';
import { RelayWorld } from './relay-world.ts';
import type { TestClient } from './test-client.ts';

const ENOUGH: CallLimits = { perDevice: 1000, perChannel: 1000, participants: 1000 };

async function world(calls: Partial<CallLimits>): Promise<RelayWorld> {
  const clock = new Scheduler();
  return RelayWorld.start({ clock, log: new MemoryLog(clock), calls: { ...ENOUGH, ...calls } });
}

/** Devices that take part in one channel each with the first. */
async function people(server: RelayWorld, ...names: readonly string[]): Promise<TestClient[]> {
  const clients = await Promise.all(names.map((name) => server.connect(name)));
  const [first, ...others] = clients;
  for (const [index, other] of others.entries()) {
    await first?.join(index + 1, [other.device]);
    await other.join(index + 1, [first?.device ?? '']);
  }
  return clients;
}

/** ACK, or why not. */
async function outcome(client: TestClient, type: number, channel: number, body: object): Promise<string> {
  const answer = await client.ask(type, channel, body);
  return answer.type === FRAME.ACK ? 'ACK' : `${answer.json.error}: ${answer.json.detail}`;
}

const offer = (client: TestClient, channel: number, id: string): Promise<string> =>
  outcome(client, FRAME.CALL_OFFER, channel, { call_id: id, from: client.device, to: [] });

test('given a device that is in as many calls as it may, when it offers or accepts one more, then it is refused until one ends', async () => {
  await using server = await world({ perDevice: 2 });
  const [alice, bob, carol] = (await people(server, 'alice', 'bob', 'carol')) as [
    TestClient,
    TestClient,
    TestClient,
  ];
  assert.equal(await offer(alice, 1, 'one'), 'ACK');
  assert.equal(await offer(alice, 2, 'two'), 'ACK');
  assert.match(await offer(alice, 1, 'three'), /^limit: .*limits\.calls_per_device/);
  assert.equal(await offer(alice, 1, 'one'), 'ACK', 'an offer that is repeated is no other call');
  assert.equal(await offer(bob, 1, 'from bob'), 'ACK');
  const accepted = { call_id: 'from bob', accept: true };
  assert.match(await outcome(alice, FRAME.CALL_ANSWER, 1, accepted), /^limit: /);
  assert.equal(await outcome(alice, FRAME.CALL_END, 2, { call_id: 'two', reason: 'hangup' }), 'ACK');
  assert.equal(await outcome(alice, FRAME.CALL_ANSWER, 1, accepted), 'ACK');
  assert.equal(await offer(carol, 2, 'from carol'), 'ACK');
});

test('given a channel with as many calls as it may have, when another is offered there, then it is refused, and elsewhere it is not', async () => {
  await using server = await world({ perChannel: 1 });
  const [alice, bob] = (await people(server, 'alice', 'bob', 'carol')) as [TestClient, TestClient];
  assert.equal(await offer(alice, 1, 'one'), 'ACK');
  assert.match(await offer(bob, 1, 'two'), /^limit: .*limits\.calls_per_channel/);
  assert.equal(await offer(alice, 2, 'two'), 'ACK');
});

test('given calls with as many participants as the server bears, when one more is offered, then it is refused until one ends', async () => {
  await using server = await world({ participants: 4 });
  const [alice, bob] = (await people(server, 'alice', 'bob', 'carol')) as [TestClient, TestClient];
  assert.equal(await offer(alice, 1, 'one'), 'ACK');
  assert.equal(await offer(alice, 2, 'two'), 'ACK');
  assert.match(await offer(bob, 1, 'three'), /^limit: .*limits\.call_participants/);
  await alice.leave();
  await server.clock.settle();
  assert.equal(await offer(bob, 1, 'three'), 'ACK');
});

test('given a device in many calls, when it is gone, then each ends, and none of them takes memory any more', async () => {
  await using server = await world({});
  const [alice, bob] = (await people(server, 'alice', 'bob')) as [TestClient, TestClient];
  for (let number = 0; number < 50; number += 1) assert.equal(await offer(alice, 1, `call ${number}`), 'ACK');
  assert.equal(server.running.figures().runningCalls, 50);
  await alice.leave();
  await server.clock.settle();
  assert.equal(bob.of(FRAME.CALL_END).length, 50);
  assert.deepEqual(server.failures, []);
  const { runningCalls, callActors } = server.running.figures();
  assert.deepEqual([runningCalls, callActors], [0, 0]);
});

test('given a device alone in a channel, when it offers a call, then it is told that nobody is there', async () => {
  await using server = await world({});
  const alice = await server.connect('alice');
  await alice.join(1, ['bob']);
  assert.match(await offer(alice, 1, 'one'), /^call_alone: /);
});
