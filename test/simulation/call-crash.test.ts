import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STREAMS } from '../../src/events/streams.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { Scheduler } from '../kit/scheduler.ts';
import { SimulatedDisk } from '../kit/simulated-disk.ts';
import { RelayWorld } from './relay-world.ts';
import type { TestClient } from './test-client.ts';

const clock = new Scheduler();

/** Connects them, and lets all take part in channel 7. */
async function meeting(server: RelayWorld, ...names: readonly string[]): Promise<TestClient[]> {
  const clients = [];
  for (const name of names) clients.push(await server.connect(name));
  for (const client of clients) await client.join(7, names);
  return clients;
}

async function call(id: string, caller: TestClient, ...accepting: readonly TestClient[]): Promise<void> {
  const offer = { call_id: id, from: caller.device, to: [] };
  assert.equal((await caller.ask(FRAME.CALL_OFFER, 7, offer)).type, FRAME.ACK);
  for (const client of accepting) {
    const answer = await client.ask(FRAME.CALL_ANSWER, 7, { call_id: id, accept: true });
    assert.equal(answer.type, FRAME.ACK);
  }
}

/** What the log has of each call, in short: `one: offered, left failure, ended failure`. */
function lives(disk: SimulatedDisk): string[] {
  const found = new Map<string, string[]>();
  for (const recorded of disk.history.filter(({ stream }) => STREAMS.call.has(stream))) {
    const event = STREAMS.call.decode(recorded);
    const { callId } = STREAMS.call.keyOf(recorded.stream);
    const life = found.get(callId) ?? [];
    found.set(callId, life);
    if (event.type === 'call.left') life.push(`left ${event.reason}`);
    else {
      life.push(event.type.slice('call.'.length) + (event.type === 'call.ended' ? ` ${event.reason}` : ''));
    }
  }
  return [...found].map(([callId, life]) => `${callId}: ${life.join(', ')}`);
}

async function killed(server: RelayWorld, disk: SimulatedDisk): Promise<void> {
  disk.crash();
  server.cut();
  await clock.settle();
}

test('given calls that run, when the server is killed and starts again and again, then each has ended once, its devices are told, and none runs', async () => {
  const disk = new SimulatedDisk(clock);
  const first = await RelayWorld.start({ clock, log: disk.open() });
  const [alice, bob, carol] = (await meeting(first, 'alice', 'bob', 'carol')) as [
    TestClient,
    TestClient,
    TestClient,
  ];
  await call('two', alice, bob);
  await call('three-of-three', bob, alice, carol);
  await call('ringing', carol);
  await call('over', alice, bob);
  await alice.ask(FRAME.CALL_END, 7, { call_id: 'over', reason: 'hangup' });
  await bob.ask(FRAME.CALL_END, 7, { call_id: 'over', reason: 'hangup' });
  await killed(first, disk);
  const expected = [
    'two: offered, answered, left failure, left failure, ended failure',
    'three-of-three: offered, answered, answered, left failure, left failure, ended failure',
    'ringing: offered, left failure, ended failure',
    'over: offered, answered, left hangup, left hangup, ended hangup',
  ];
  for (let life = 0; life < 2; life += 1) {
    const next = await RelayWorld.start({ clock, log: disk.open() });
    await clock.settle();
    assert.deepEqual(next.failures, []);
    assert.deepEqual(lives(disk), expected);
    assert.equal(next.running.figures().runningCalls, 0);
    await killed(next, disk);
  }
  await using server = await RelayWorld.start({ clock, log: disk.open() });
  await clock.settle();
  const back = await server.connect('carol');
  const ends = back.of(FRAME.CALL_END).map(({ json }) => [json.call_id, json.metadata?.cause ?? 'by hand']);
  assert.deepEqual(ends.sort().map(String), [
    'over,by hand',
    'over,by hand',
    'three-of-three,disconnect',
    'two,disconnect',
  ]);
  const late = { call_id: 'two', accept: true };
  assert.equal((await back.ask(FRAME.CALL_ANSWER, 7, late)).json.error, 'unknown_call');
});

test('given an offer that is stored and not yet in the stream of its call, when the server is killed, then the next start brings it there and ends it', async () => {
  const disk = new SimulatedDisk(clock);
  const first = await RelayWorld.start({ clock, log: disk.open() });
  const [alice] = (await meeting(first, 'alice', 'bob')) as [TestClient];
  disk.hold('journal');
  await call('one', alice);
  assert.deepEqual(lives(disk), []);
  await killed(first, disk);
  await using server = await RelayWorld.start({ clock, log: disk.open() });
  await clock.settle();
  assert.deepEqual(lives(disk), ['one: offered, left failure, ended failure']);
  assert.equal(server.running.figures().runningCalls, 0);
});

test('given calls that a kill has cut off, when the next server starts on a disk that refuses, then they end when it is well', async () => {
  const disk = new SimulatedDisk(clock);
  const first = await RelayWorld.start({ clock, log: disk.open() });
  const [alice, bob] = (await meeting(first, 'alice', 'bob')) as [TestClient, TestClient];
  await call('one', alice, bob);
  await killed(first, disk);
  disk.fail();
  await using server = await RelayWorld.start({ clock, log: disk.open() });
  await clock.settle();
  await clock.advance(3000);
  assert.deepEqual(lives(disk), ['one: offered, answered']);
  disk.heal();
  await clock.advance(2000);
  assert.deepEqual(lives(disk), ['one: offered, answered, left failure, ended failure']);
  assert.equal(server.running.figures().runningCalls, 0);
});

test('given a call whose channel everybody has left, when the server is killed, then the call has ended, and nobody is told', async () => {
  const disk = new SimulatedDisk(clock);
  const first = await RelayWorld.start({ clock, log: disk.open() });
  const [alice, bob] = (await meeting(first, 'alice', 'bob')) as [TestClient, TestClient];
  await call('one', alice, bob);
  for (const client of [alice, bob]) await client.ask(FRAME.LEAVE, 7, {});
  await killed(first, disk);
  await using server = await RelayWorld.start({ clock, log: disk.open() });
  await clock.settle();
  assert.deepEqual(server.failures, []);
  assert.deepEqual(lives(disk), ['one: offered, answered, left failure, ended failure']);
});
