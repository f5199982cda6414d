import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Client, connect, groupChangeOf } from '../../src/client/index.ts';
import { startTestServer, type TestServer } from './client-support.ts';

const limits = { timeout: 30_000 };
let server: TestServer;
before(async () => {
  server = await startTestServer(['server.auto_approve_devices=true', 'channels.reach=anyone']);
});
after(() => server.close());

/** Clients that are closed with the test, or the process would wait for them. */
async function members(
  context: { after(action: () => Promise<void>): void },
  ...names: string[]
): Promise<Client[]> {
  const clients = await Promise.all(names.map((name) => connect(server.newDevice(name))));
  for (const client of clients) context.after(() => client.close({ deadline: 100 }));
  return clients;
}

async function next(client: Client): Promise<string> {
  for await (const message of client.messages()) {
    message.ack();
    return message.text;
  }
  throw new Error('the client has ended');
}

test(
  'given a group, when the invited join, then they talk; who is removed or leaves gets nothing more and is told why',
  limits,
  async (context) => {
    const [ann, ben, cleo] = await members(context, 'ann', 'ben', 'cleo');
    assert.ok(ann && ben && cleo);
    const group = await ann.groups.create(3, { invited: { ben: 'admin' } });
    assert.match(group, /^[0-9a-f]{64}$/);
    await ben.groups.join(3, group);
    await assert.rejects(cleo.groups.join(3, group), { code: 'CLIENT_REFUSED' });
    await ben.groups.invite(3, group, 'cleo');
    await cleo.groups.join(3, group);
    await ann.send(3, 'welcome');
    assert.deepEqual([await next(ben), await next(cleo)], ['welcome', 'welcome']);

    await assert.rejects(cleo.groups.changeRole(3, group, 'cleo', 'admin'), { code: 'CLIENT_REFUSED' });
    const told = new Promise((resolve) =>
      cleo.on('groupEvent', ({ value }) => resolve(groupChangeOf(value))),
    );
    await ben.groups.remove(3, group, 'cleo');
    assert.deepEqual(await told, { type: 'removed', groupId: group, device: 'cleo' });
    assert.deepEqual(cleo.channels, []);
    await assert.rejects(cleo.send(3, 'still here?'), { code: 'CLIENT_REFUSED' });

    await ann.groups.changeRole(3, group, 'ben', 'owner');
    await ann.groups.leave(3, group);
    assert.deepEqual([ann.channels, ben.channels], [[], [3]]);
    await assert.rejects(ann.send(3, 'and me?'), { code: 'CLIENT_REFUSED' });
  },
);

test(
  'given a group, when the server stops and comes back, then its members join it again by themselves and talk on',
  limits,
  async (context) => {
    const [dora, emil] = await members(context, 'dora', 'emil');
    assert.ok(dora && emil);
    const group = await dora.groups.create(4, { invited: ['emil'] });
    await emil.groups.join(4, group);
    const errors: string[] = [];
    for (const client of [dora, emil]) client.on('error', ({ message }) => errors.push(message));
    const away = Promise.all(
      [dora, emil].map((client) => new Promise((resolve) => client.on('disconnected', resolve))),
    );
    await server.stop();
    await away;
    const writing = dora.send(4, 'after the pause');
    await server.start();
    await writing;
    assert.equal(await next(emil), 'after the pause');
    assert.deepEqual([dora.channels, emil.channels], [[4], [4]]);
    assert.deepEqual(
      errors.filter((text) => text.includes('refused')),
      [],
    );
  },
);

test(
  'given devices that share a channel, when both publish a presence, then each is told of the other',
  limits,
  async (context) => {
    const [hana, ivan] = await members(context, 'hana', 'ivan');
    assert.ok(hana && ivan);
    await hana.join(5, { members: ['ivan'] });
    await ivan.join(5, { members: ['hana'] });
    const seen: unknown[] = [];
    const told = new Promise<void>((resolve) => {
      hana.on('presence', ({ value }) => {
        seen.push(value);
        if (seen.length === 2) resolve();
      });
    });
    hana.presence('online');
    ivan.presence('at lunch');
    await new Promise<void>((resolve) => ivan.on('presence', () => resolve()));
    ivan.presence('back');
    await told;
    const about = { entity: 'ivan', peer: 'ivan' };
    assert.deepEqual(seen, [
      { ...about, state: 'at lunch' },
      { ...about, state: 'back' },
    ]);
  },
);

test('given documents of other people, when they are read, then only complete changes of groups are taken for such', () => {
  const groupId = 'g';
  assert.deepEqual(groupChangeOf({ type: 'group-member-left', group_id: 'g' }), { type: 'left', groupId });
  assert.deepEqual(
    groupChangeOf({
      type: 'group-role-changed',
      group_id: 'g',
      device: 'd',
      role: 'owner',
      description: 'x',
    }),
    { type: 'role-changed', groupId, device: 'd', role: 'owner' },
  );
  for (const value of [
    null,
    'group-member-left',
    { type: 'group-member-left' },
    { type: 'group-member-removed', group_id: 'g' },
    { type: 'group-role-changed', group_id: 'g', device: 'd', role: 'king' },
    { event: 'lunch', group_id: 'g', device: 'd' },
  ]) {
    assert.equal(groupChangeOf(value), undefined);
  }
});
