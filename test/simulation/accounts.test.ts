import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideAccount } from '../../src/actors/accounts/account-decider.ts';
import { STREAMS } from '../../src/events/streams.ts';
import { MemoryLog } from '../../src/log/memory/memory-log.ts';
import { toHex } from '../../src/protocol/bytes.ts';
import { Scheduler } from '../kit/scheduler.ts';
import { RelayWorld } from './relay-world.ts';

const HOUR_MS = 3_600_000;
/** Seconds. */
const DAY = 86_400;
/** As many as the world allows within an hour. */
const CHANGES = 3;

async function nameOf(server: RelayWorld, displayName?: string): Promise<string | null> {
  const client = await server.connect('alice', displayName === undefined ? {} : { displayName });
  const { user } = client.facts;
  await client.leave();
  return user.displayName;
}

test('given a user whose profile changes at each handshake, when it has changed often enough, then it stays and the device gets in', async () => {
  const clock = new Scheduler();
  const log = new MemoryLog(clock);
  await using server = await RelayWorld.start({ clock, log });
  await nameOf(server);
  for (let change = 1; change <= CHANGES; change += 1) {
    assert.equal(await nameOf(server, `name ${change}`), `name ${change}`);
  }
  const { headPosition } = log;
  assert.equal(await nameOf(server, 'one too many'), `name ${CHANGES}`);
  assert.equal(await nameOf(server), `name ${CHANGES}`);
  const facts = [];
  for await (const event of log.readAll({ after: headPosition, categories: ['user', 'profile'] })) {
    facts.push(event);
  }
  assert.deepEqual(facts, []);
  await clock.advance(HOUR_MS);
  assert.equal(await nameOf(server, 'an hour later'), 'an hour later');
});

test('given many changes of a profile, when the user is read again, then only the newest is, also after a restart', async () => {
  const clock = new Scheduler();
  const log = new MemoryLog(clock);
  {
    await using server = await RelayWorld.start({ clock, log });
    for (let change = 1; change <= 12; change += 1) {
      await nameOf(server, `name ${change}`);
      await clock.advance(HOUR_MS);
    }
  }
  const kept = [];
  for await (const { type } of log.readAll({ categories: ['user', 'profile'] })) kept.push(type);
  assert.deepEqual(kept, ['user.registered', 'user.device_added', 'user.profile_changed']);
  await using again = await RelayWorld.start({ clock, log });
  assert.equal(await nameOf(again), 'name 12');
});

test('given a log whose profiles stand in the streams of the users, as older servers wrote them, then they are read, and a newer one counts more', async () => {
  const clock = new Scheduler();
  const log = new MemoryLog(clock);
  let id = '';
  {
    await using server = await RelayWorld.start({ clock, log });
    const client = await server.connect('alice');
    ({ id } = client.facts.user);
  }
  const older = {
    type: 'user.profile_changed',
    displayName: 'as it was',
    avatarUrl: null,
    device: 'alice',
  } as const;
  await log.append([STREAMS.user.append(id, 'any', [older])]);
  await using server = await RelayWorld.start({ clock, log });
  assert.equal(await nameOf(server), 'as it was');
  assert.equal(await nameOf(server, 'as it is'), 'as it is');
  assert.equal(await nameOf(server), 'as it is');
});

test('given a certificate that is due for renewal and one that was issued since, when the old one is presented again, then no other is issued', () => {
  const key = new Uint8Array(32).fill(7);
  const now = 1_700_000_000;
  const of = (issuedAt: number) => ({
    userId: 'u',
    deviceId: 'd',
    publicKey: key,
    serial: 1n,
    issuedAt,
    expiresAt: issuedAt + 30 * DAY,
  });
  const decide = (newest: number, presented = now - 29 * DAY) =>
    decideAccount(
      {
        deviceId: 'd',
        devicePublic: toHex(key),
        clientStatic: '',
        userId: undefined,
        handle: undefined,
        displayName: undefined,
        avatarUrl: undefined,
        certificate: of(presented),
      },
      {
        device: { user: 'u', publicKey: toHex(key), certificate: of(newest) },
        owner: { id: 'u', handle: 'h', displayName: null, avatarUrl: null, devices: new Set(['d']) },
        named: undefined,
        settled: true,
      },
      { autoApprove: true, maxAutoDevices: 0, domain: 'example.org', profileChangesPerHour: CHANGES },
      now,
      'fresh',
    );
  const first = decide(now - 29 * DAY);
  assert.equal(first.ok && first.certificate, 'issue');
  const second = decide(now - DAY);
  assert.equal(second.ok && second.certificate, 'again');
  // A clock that was 40 days ahead, or is now: the server has given these times itself.
  for (const issuedAt of [now + 40 * DAY, now - 40 * DAY]) {
    const wrong = decide(now - 29 * DAY, issuedAt);
    assert.equal(wrong.ok && wrong.certificate, 'issue');
    const nothingGood = decide(issuedAt, issuedAt);
    assert.equal(nothingGood.ok && nothingGood.certificate, 'issue');
  }
});
