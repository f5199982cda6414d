import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryLog } from '../../src/log/memory/memory-log.ts';
import { Scheduler } from '../kit/scheduler.ts';
import { RelayWorld } from './relay-world.ts';

const DAY = 86_400_000;
/** The relay's world keeps mail for an hour. */
const LIFE = 3_600_000;

async function waiting(server: RelayWorld): Promise<void> {
  const alice = await server.connect('alice');
  const bob = await server.connect('bob');
  await alice.join(7, ['alice', 'bob']);
  await bob.join(7, ['alice', 'bob']);
  await bob.leave();
  await alice.say(7, 'waits');
}

test('given mail that waits, when the date of a running server jumps ahead and back, then it expires only when its life is over', async () => {
  const clock = new Scheduler();
  const log = new MemoryLog(clock);
  await using server = await RelayWorld.start({ clock, log });
  await waiting(server);
  clock.jump(2 * DAY);
  await clock.advance(120_000);
  assert.equal(server.running.figures().storedLetters, 1);
  clock.jump(-2 * DAY);
  await clock.advance(120_000);
  assert.equal(server.running.figures().storedLetters, 1);
  await clock.advance(LIFE);
  assert.equal(server.running.figures().storedLetters, 0);
});

test('given mail that waits, when the server starts with its date ahead and again with it right, then the mail is there', async () => {
  const clock = new Scheduler();
  const log = new MemoryLog(clock);
  {
    await using server = await RelayWorld.start({ clock, log });
    await waiting(server);
  }
  clock.jump(40 * DAY);
  {
    await using server = await RelayWorld.start({ clock, log });
    await server.connect('carol');
    await clock.advance(120_000);
    assert.equal(server.running.figures().storedLetters, 1);
  }
  clock.jump(-40 * DAY);
  await using server = await RelayWorld.start({ clock, log });
  const bob = await server.connect('bob');
  assert.deepEqual(bob.heard(), ['waits']);
});

test('given mail that was posted while the date was ahead, when it is right again, then the mail expires in its time', async () => {
  const clock = new Scheduler();
  const log = new MemoryLog(clock);
  clock.jump(40 * DAY);
  {
    await using server = await RelayWorld.start({ clock, log });
    await waiting(server);
  }
  clock.jump(-40 * DAY);
  await using server = await RelayWorld.start({ clock, log });
  assert.equal(server.running.figures().storedLetters, 1);
  await clock.advance(LIFE + 120_000);
  assert.equal(server.running.figures().storedLetters, 0);
});
