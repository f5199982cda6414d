import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mailboxes } from '../../delivery/mailboxes/mailboxes.ts';
import { MemoryLog } from '../../log/memory/memory-log.ts';
import type { Random } from '../../ports/ports.ts';
import { systemClock } from '../../system/index.ts';
import { RouteTable } from '../routes/route-table.ts';
import { ChannelDirectory } from './channel-directory.ts';
import { Channels } from './channels.ts';
import { NumberTurns } from './number-turns.ts';

const NUMBER = 7;

function counting(): Random {
  let count = 0;
  return {
    bytes(length) {
      count += 1;
      const bytes = new Uint8Array(length);
      new DataView(bytes.buffer).setUint32(0, count);
      return bytes;
    },
  };
}

async function server(log = new MemoryLog(systemClock), random = counting()) {
  const mailboxes = new Mailboxes();
  const routes = new RouteTable(mailboxes);
  const directory = new ChannelDirectory(mailboxes, routes);
  await directory.restore(log);
  const channels = new Channels({
    log,
    clock: systemClock,
    random,
    directory,
    routes,
    numbers: new NumberTurns(false),
    policy: {
      reach: 'joined',
      openRooms: 'compat',
      channelsPerDevice: 16,
      membersPerChannel: 10_000,
      listingsPerDevice: 20_000,
      listingBytes: 67_108_864,
      idleAfter: 3_600_000,
    },
    userOf: async () => 'somebody',
    pauseGroup: async () => undefined,
  });
  const join = async (device: string, members: readonly string[]): Promise<void> => {
    const request = { device, user: 'somebody', number: NUMBER, members, relay: true, plaintext: false };
    assert.deepEqual(await channels.join(request), { ok: true });
  };
  const membersOf = (device: string) => routes.get(device, NUMBER)?.members.map((mailbox) => mailbox.device);
  return { log, random, channels, directory, routes, join, membersOf };
}

test('given 10 000 devices that are named by several JOINs, when each joins, then all share one route, before and after a restart', async () => {
  const first = await server();
  const names = Array.from({ length: 10_000 }, (_, index) => `device-${index}`);
  const [founder = ''] = names;
  for (let at = 0; at < names.length; at += 1000) await first.join(founder, names.slice(at, at + 1000));
  await Promise.all(names.slice(1).map((name) => first.join(name, [founder, name])));
  first.channels.stop();
  const second = await server(first.log, first.random);
  for (const { routes, membersOf, directory } of [first, second]) {
    assert.deepEqual(new Set(membersOf(founder)), new Set(names));
    assert.ok(names.every((name) => routes.get(name, NUMBER) === routes.get(founder, NUMBER)));
    assert.equal(directory.channels, 1);
    assert.deepEqual(names.map((name) => directory.oldestListing(name, NUMBER)).filter(Boolean), []);
  }
  const last = names.at(-1) ?? '';
  await second.channels.leave(last, NUMBER);
  assert.equal(second.membersOf(last), undefined);
  assert.equal(second.membersOf(founder)?.length, 9_999);
  second.channels.stop();
});

test('given channels that list a device later than they opened, then the first to list it comes first, before and after a restart', async () => {
  const first = await server();
  await first.join('older', ['older', 'x']);
  await first.join('newer', ['newer', 'guest']);
  await first.join('older', ['older', 'guest']);
  const second = await server(first.log, first.random);
  const newer = first.routes.get('newer', NUMBER)?.key;
  for (const { directory, channels } of [first, second]) {
    assert.equal(directory.oldestListing('guest', NUMBER), newer);
    channels.stop();
  }
  await second.join('guest', ['guest']);
  assert.deepEqual(second.membersOf('guest'), ['newer', 'guest']);
});

test('given a message on its way, when somebody joins or leaves, then the list of its recipients stays as it was', async () => {
  const { join, routes, channels } = await server();
  await join('a', ['a', 'b', 'c']);
  await join('b', ['a', 'b']);
  const route = routes.get('a', NUMBER);
  const before = route?.members;
  await join('c', ['a', 'c']);
  await channels.leave('b', NUMBER);
  assert.deepEqual(
    before?.map(({ device }) => device),
    ['a', 'b'],
  );
  assert.deepEqual(
    route?.members.map(({ device }) => device),
    ['a', 'c'],
  );
  channels.stop();
});
