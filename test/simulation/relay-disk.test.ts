import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogError } from '../../src/log/log-error.ts';
import { MemoryLog } from '../../src/log/memory/memory-log.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { Scheduler } from '../kit/scheduler.ts';
import { SimulatedDisk } from '../kit/simulated-disk.ts';
import { turns } from '../kit/waiting.ts';
import { pair, world } from './worlds.ts';

test('given a disk that holds its writes, when much waits for it, then senders are not read until it goes on', async () => {
  const clock = new Scheduler();
  const disk = new SimulatedDisk(clock);
  await using server = await world({
    clock,
    log: disk.open(),
    office: { collected: 4096, collectedPerDevice: 4096 },
  });
  const [alice, bob] = await pair(server);
  disk.hold('mail');
  for (let number = 0; number < 20; number += 1) {
    alice.post(FRAME.MSG, 7, `${number} ${'x'.repeat(500)}`);
    await turns(2);
  }
  assert.equal(alice.held, true);
  assert.equal(bob.held, false);
  disk.release();
  await clock.settle();
  assert.equal(alice.held, false);
  assert.equal(bob.heard().length, 20);
});

test('given a log that refuses, when a resuming client speaks, then it gets no ACK, is ended, and its resend arrives once', async () => {
  const clock = new Scheduler();
  const log = new MemoryLog(clock);
  await using server = await world({ clock, log });
  const [alice, bob] = await pair(server);
  await alice.say(7, 'one');
  log.failing = new LogError('LOG_UNAVAILABLE', 'disk full', { retryable: true });
  const answer = await alice.ask(FRAME.MSG, 7, 'two', 50);
  assert.equal(answer.json.error, 'storage');
  assert.equal(alice.endedBecause, 'storage_unavailable');
  log.failing = undefined;
  const again = await server.connect('alice');
  assert.notEqual(again.facts.resume?.received, 50);
  assert.equal((await again.ask(FRAME.MSG, 7, 'two', 50)).type, FRAME.ACK);
  assert.deepEqual(bob.heard(), ['one', 'two']);
  assert.deepEqual(
    bob.of(FRAME.MSG).map(({ sequence }) => sequence),
    [1, 2],
  );
});

test('given a disk that refuses, when devices keep coming back, then one handshake in a second writes, and all get in when it is well', async () => {
  const clock = new Scheduler();
  const log = new MemoryLog(clock);
  await using server = await world({ clock, log });
  let writes = 0;
  const append = log.append.bind(log);
  log.append = (appends) => {
    writes += 1;
    return append(appends);
  };
  log.failing = new LogError('LOG_UNAVAILABLE', 'disk full', { retryable: true });
  for (let second = 0; second < 3; second += 1) {
    for (let device = 0; device < 50; device += 1) {
      await assert.rejects(server.connect(`device-${device}`), /storage failure: storage/);
    }
    assert.equal(writes, second + 1);
    await clock.advance(1000);
  }
  log.failing = undefined;
  for (let device = 0; device < 50; device += 1) await server.connect(`device-${device}`);
});

test('given a disk that refuses, when connections break, then one append in a second is tried, and the ends are in the log when it is well', async () => {
  const clock = new Scheduler();
  const log = new MemoryLog(clock);
  await using server = await world({ clock, log });
  const clients = [];
  for (let device = 0; device < 100; device += 1) clients.push(await server.connect(`device-${device}`));
  let writes = 0;
  const append = log.append.bind(log);
  log.append = (appends) => {
    writes += 1;
    return append(appends);
  };
  log.failing = new LogError('LOG_UNAVAILABLE', 'disk full', { retryable: true });
  for (const client of clients) await client.leave('broken');
  // Handshakes and ends share the one try.
  for (let second = 0; second < 3; second += 1) {
    await clock.advance(1000);
    await assert.rejects(server.connect('device-0'), /storage failure: storage/);
    assert.ok(writes <= second + 2, `${writes} appends within ${second + 1} s`);
  }
  log.failing = undefined;
  await clock.advance(2000);
  let ends = 0;
  for await (const { type } of log.readAll({ categories: ['session'] })) {
    if (type === 'session.closed') ends += 1;
  }
  assert.equal(ends, 100);
});

test('given mail that expired with nothing behind it, when the device returns, then nothing spins and the next frame follows the gap', async () => {
  const clock = new Scheduler();
  await using server = await world({ clock });
  const [alice, bob] = await pair(server);
  await bob.leave();
  await alice.say(7, 'expires unread');
  await clock.advance(3_700_000);
  const back = await server.connect('bob');
  assert.equal(back.frames.length, 0);
  await alice.say(7, 'fresh');
  const [error, message] = back.frames;
  assert.deepEqual([error?.json.error, error?.json.from, error?.json.to], ['expired', 1, 1]);
  assert.deepEqual([message?.text, message?.sequence], ['fresh', 2]);
});

test('given a crash before the counters were written, when the next server gives space back and stops, then received is still known', async () => {
  const clock = new Scheduler();
  const disk = new SimulatedDisk(clock);
  const first = await world({ log: disk.open(), clock });
  const [alice, bob] = await pair(first);
  await alice.ask(FRAME.MSG, 7, 'read at once', 50);
  bob.confirm(1);
  await bob.ask(FRAME.JOIN, 8, { members: [] });
  await bob.ask(FRAME.MSG, 8, 'read by nobody', 60);
  first.cut();
  disk.crash();
  const second = await world({ log: disk.open(), clock });
  await clock.advance(1_000);
  await second[Symbol.asyncDispose]();
  await using third = await world({ log: disk.open(), clock });
  assert.equal((await third.connect('alice')).facts.resume?.received, 50);
  assert.equal((await third.connect('bob')).facts.resume?.received, 60);
});

test('given a LEAVE that waits for the disk longer than actors idle, when it is durable, then it has taken effect', async () => {
  const clock = new Scheduler();
  const disk = new SimulatedDisk(clock);
  await using server = await world({ log: disk.open(), clock });
  const [alice, bob] = await pair(server);
  disk.hold('all');
  bob.post(FRAME.LEAVE, 7, {});
  await clock.advance(200_000);
  disk.release();
  await clock.settle();
  await alice.say(7, 'gone');
  assert.deepEqual(bob.heard(), []);
  assert.equal((await bob.say(7, 'hello?')).json.error, 'unknown_channel');
});

test('given a letter that expired before a crash, when the server is back, then it does not come behind later ones', async () => {
  const clock = new Scheduler();
  const disk = new SimulatedDisk(clock);
  const first = await world({ log: disk.open(), clock });
  const [alice, bob] = await pair(first);
  await bob.leave();
  await alice.say(7, 'expires');
  await clock.advance(3_700_000);
  const back = await first.connect('bob', { capabilities: [] });
  await alice.say(7, 'arrives');
  assert.deepEqual(back.heard(), ['arrives']);
  first.cut();
  disk.crash();
  await using second = await world({ log: disk.open(), clock });
  assert.deepEqual((await second.connect('bob', { capabilities: [] })).heard(), ['arrives']);
});
