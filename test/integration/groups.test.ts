import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import type { JsonInput } from '../../src/protocol/json/json-writer.ts';
import { ServerProcess } from '../kit/server-process.ts';
import { type SeenFrame, type ServerAddress, WireClient } from '../kit/wire-client.ts';

const limits = { timeout: 120_000 };
const NUMBER = 40;
const GROUP = 'the-five';

let server: ServerProcess;
let address: ServerAddress;

before(async () => {
  server = await ServerProcess.start(['compat.plaintext_clients=true', 'limits.presence_interval_ms=20']);
  address = {
    port: server.port,
    ca: server.ca,
    domain: server.ready.domain,
    noisePublic: server.ready.noise_public,
  };
});

after(() => server[Symbol.asyncDispose]());

/** Without `resume`, because these clients count from the start again when they come back. */
const connect = (name: string): Promise<WireClient> =>
  WireClient.connect(address, name, { capabilities: ['delivery-ack'] });

/** Connected devices that share channel 1. */
async function friends(...names: readonly string[]): Promise<WireClient[]> {
  const clients = await Promise.all(names.map((name) => connect(name)));
  for (const client of clients) assert.equal((await client.join(1, names)).type, FRAME.ACK);
  return clients;
}

const enter = (client: WireClient, group = GROUP): Promise<SeenFrame> =>
  client.ask(FRAME.JOIN, NUMBER, { group_id: group, relay: true });
const event = (client: WireClient, body: Readonly<Record<string, JsonInput>>): Promise<SeenFrame> =>
  client.ask(FRAME.GROUP_EVENT, NUMBER, { group_id: GROUP, ...body });
const answer = ({ type, json }: SeenFrame): unknown => (type === FRAME.ERROR ? json.error : 'ACK');

test(
  'given five devices, when one of them makes a group, then it works as the protocol says, over a crash of the server too',
  limits,
  async () => {
    const names = ['alice', 'bob', 'carol', 'dave', 'erin'];
    const [alice, bob, carol, dave, erin] = (await friends(...names)) as [
      WireClient,
      WireClient,
      WireClient,
      WireClient,
      WireClient,
    ];
    const body = {
      group_id: GROUP,
      members: ['bob', 'carol', 'dave'],
      roles: { bob: 'admin' },
      name: 'five',
    };
    const created = await alice.ask(FRAME.GROUP_CREATE, NUMBER, body);
    assert.deepEqual(created.json, { ack: created.json.ack, group_id: GROUP, stored: 3 });
    for (const client of [bob, carol, dave]) {
      const invitation = await client.until(({ type }) => type === FRAME.GROUP_CREATE);
      assert.deepEqual([invitation.channel, invitation.json], [NUMBER, body]);
      const joined = await enter(client);
      assert.deepEqual(joined.json, { ack: joined.json.ack, group_id: GROUP });
    }

    // A mere member, a stranger, and the id of another.
    const invitation = { group_id: GROUP, device: 'erin' };
    assert.equal(answer(await carol.ask(FRAME.GROUP_INVITE, NUMBER, invitation)), 'forbidden');
    assert.equal(answer(await enter(erin)), 'unknown_group');
    assert.equal(answer(await erin.ask(FRAME.GROUP_CREATE, NUMBER, { group_id: GROUP })), 'group_exists');
    assert.equal(answer(await erin.ask(FRAME.GROUP_INVITE, NUMBER, invitation)), 'unknown_group');

    const invited = await bob.ask(FRAME.GROUP_INVITE, NUMBER, invitation);
    assert.deepEqual(invited.json, {
      ack: invited.json.ack,
      device: 'erin',
      group_id: GROUP,
      stored: 4,
    });
    assert.equal((await erin.until(({ type }) => type === FRAME.GROUP_INVITE)).json.device, 'erin');
    await alice.say(NUMBER, 'before erin');
    assert.equal(answer(await enter(erin)), 'ACK');
    await alice.say(NUMBER, 'hello, all');
    assert.equal(await erin.hear(), 'hello, all');
    for (const client of [bob, carol, dave]) {
      assert.deepEqual([await client.hear(), await client.hear()], ['before erin', 'hello, all']);
    }

    // Dave is away while he is removed: what was said before waits for him, and the document that removed him.
    dave.close();
    await alice.say(NUMBER, 'dave still gets this');
    assert.equal(answer(await event(bob, { type: 'group-member-removed', device: 'dave' })), 'ACK');
    await alice.say(NUMBER, 'dave does not');
    await server.kill();
    await server.start();

    const back = await Promise.all(names.map((name) => connect(name)));
    const [alice2, bob2, carol2, dave2, erin2] = back as [
      WireClient,
      WireClient,
      WireClient,
      WireClient,
      WireClient,
    ];
    const waiting: string[] = [];
    for (;;) {
      const frame = await dave2.next();
      assert.ok(frame !== undefined);
      waiting.push(frame.type === FRAME.MSG ? frame.text : String(frame.json?.type ?? frame.type));
      if (frame.json?.type === 'group-member-removed') break;
    }
    await dave2.barrier();
    assert.equal(waiting.at(-2), 'dave still gets this');
    assert.deepEqual(
      dave2.rest().filter(({ type }) => type === FRAME.MSG),
      [],
    );
    assert.equal(answer(await enter(dave2)), 'unknown_group');
    assert.equal(answer(await dave2.say(NUMBER, 'let me in')), 'unknown_channel');
    assert.equal(answer(await event(bob2, { type: 'group-member-removed', device: 'alice' })), 'forbidden');
    assert.equal(answer(await event(alice2, { type: 'group-member-left' })), 'forbidden');

    assert.equal(
      answer(await event(alice2, { type: 'group-role-changed', device: 'carol', role: 'owner' })),
      'ACK',
    );
    assert.equal(answer(await event(alice2, { type: 'group-member-left' })), 'ACK');
    assert.equal(answer(await event(carol2, { type: 'group-member-removed', device: 'bob' })), 'ACK');
    await carol2.say(NUMBER, 'only erin is left');
    assert.equal((await erin2.until(({ text }) => text === 'only erin is left')).type, FRAME.MSG);
    await alice2.barrier();
    await bob2.barrier();
    for (const client of [alice2, bob2]) {
      assert.equal(
        client.rest().some(({ text }) => text === 'only erin is left'),
        false,
      );
    }
    for (const client of back) client.close();
  },
);

test(
  'given an older client in a group, then it survives every document, and is told of presence when it shows its own',
  limits,
  async () => {
    const modern = await WireClient.connect(address, 'modern');
    const older = await WireClient.connect(address, 'older', { older: true });
    for (const client of [modern, older]) await client.join(1, ['modern', 'older']);
    const group = (await modern.ask(FRAME.GROUP_CREATE, NUMBER, { members: ['older'] })).json.group_id;
    assert.match(group, /^[0-9a-f]{64}$/);
    await older.until(({ type }) => type === FRAME.GROUP_CREATE);
    assert.equal(answer(await enter(older, group)), 'ACK');
    older.post(FRAME.PRESENCE, 0, { state: 'here' });
    modern.post(FRAME.PRESENCE, 0, {});
    const shown = await older.until(({ type }) => type === FRAME.PRESENCE);
    assert.deepEqual([shown.channel, shown.json], [0, { entity: 'modern', peer: 'modern', state: 'online' }]);
    assert.equal((await modern.until(({ type }) => type === FRAME.PRESENCE)).json.state, 'here');
    const document = { group_id: group, device: 'older', description: 'modern removed older' };
    await modern.ask(FRAME.GROUP_EVENT, NUMBER, { type: 'group-role-changed', role: 'admin', ...document });
    await modern.ask(FRAME.GROUP_EVENT, NUMBER, { type: 'group-member-removed', ...document });
    const seen: unknown[] = [];
    while (seen.length < 2) {
      seen.push((await older.until(({ type }) => type === FRAME.GROUP_EVENT)).json.type);
    }
    assert.deepEqual(seen, ['group-role-changed', 'group-member-removed']);
    assert.equal(answer(await older.say(NUMBER, 'still here?')), 'unknown_channel');
    modern.close();
    assert.equal(
      (await older.until(({ type, json }) => type === FRAME.PRESENCE && json.state === 'offline')).channel,
      0,
    );
    older.close();
  },
);
