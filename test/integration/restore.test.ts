import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { RestartableServer } from '../kit/restartable-server.ts';
import { type SeenFrame, WireClient } from '../kit/wire-client.ts';

const limits = { timeout: 120_000 };

async function pair(server: RestartableServer): Promise<readonly [WireClient, WireClient]> {
  const alice = await WireClient.connect(server.address, 'alice');
  const bob = await WireClient.connect(server.address, 'bob');
  await alice.join(7, ['alice', 'bob']);
  await bob.join(7, ['alice', 'bob']);
  return [alice, bob];
}

/** The next messages, in the order of their arrival. */
async function messages(client: WireClient, count: number): Promise<SeenFrame[]> {
  const frames: SeenFrame[] = [];
  while (frames.length < count) frames.push(await client.until(({ type }) => type === FRAME.MSG));
  return frames;
}

/** Makes a backup, lets 20 messages pass that it does not know, and puts it back. */
async function forget(server: RestartableServer, heardByBob: number): Promise<void> {
  await server.stop();
  server.backUp();
  await server.start();
  const [alice, bob] = await pair(server);
  for (let index = 0; index < 20; index += 1) await alice.say(7, `forgotten ${index}`, 1000 + index);
  await messages(bob, heardByBob);
  await server.stop();
  server.restore();
  await server.start();
}

test(
  'given a restored backup, when new messages come, then their numbers lie above all of the lost history',
  limits,
  async () => {
    await using server = await RestartableServer.start();
    const [alice, bob] = await pair(server);
    for (let index = 0; index < 10; index += 1) await alice.say(7, `known ${index}`);
    const known = await messages(bob, 10);
    bob.confirm(known.at(-1)?.sequence ?? 0);
    await bob.barrier();
    await forget(server, 20);
    const [aliceAgain, bobAgain] = await pair(server);
    const { epoch, since } = bobAgain.facts.inbox;
    assert.notEqual(epoch, bob.facts.inbox.epoch);
    assert.equal(aliceAgain.facts.resume.epoch, epoch);
    assert.equal((await aliceAgain.say(7, 'after the backup', 2000)).json.ack, 2000);
    const [frame] = await messages(bobAgain, 1);
    assert.equal(frame?.text, 'after the backup');
    assert.ok(frame.sequence >= since && since > 30 + 2 ** 16);
    // A device that the backup does not know may have had numbers, too.
    const carol = await WireClient.connect(server.address, 'carol');
    const { confirmed, next } = carol.facts.inbox;
    assert.ok(next > 2 ** 16);
    assert.equal(confirmed, next - 1);
  },
);

test(
  'given mail that waits in the backup, when its device confirms what only the lost history knows, then it goes on',
  limits,
  async () => {
    await using server = await RestartableServer.start();
    const [alice, bob] = await pair(server);
    bob.close();
    for (let index = 0; index < 3; index += 1) await alice.say(7, `waits ${index}`);
    await forget(server, 23);
    const [aliceAgain, bobAgain] = await pair(server);
    assert.deepEqual(
      (await messages(bobAgain, 3)).map(({ sequence }) => sequence),
      [1, 2, 3],
    );
    bobAgain.confirm(23);
    await aliceAgain.say(7, 'new', 2000);
    const [frame] = await messages(bobAgain, 1);
    assert.equal(frame?.text, 'new');
    bobAgain.confirm(frame.sequence);
    await bobAgain.barrier();
    assert.deepEqual(
      bobAgain.rest().filter(({ type }) => type === FRAME.ERROR),
      [],
    );
    bobAgain.close();
    const back = await WireClient.connect(server.address, 'bob');
    assert.equal(back.facts.inbox.confirmed, frame.sequence);
  },
);

test(
  'given a restored server that restarts, when devices come back, then the history and its numbers go on',
  limits,
  async () => {
    await using server = await RestartableServer.start();
    const [alice, bob] = await pair(server);
    await alice.say(7, 'known');
    await messages(bob, 1);
    await forget(server, 20);
    const [before] = await pair(server);
    await before.say(7, 'after the backup', 2000);
    await server.stop();
    await server.start();
    const after = await WireClient.connect(server.address, 'alice');
    assert.deepEqual(after.facts.inbox, before.facts.inbox);
  },
);
