import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { utf8 } from '../../src/protocol/bytes.ts';
import { encodeFrame } from '../../src/protocol/frames/frame.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import type { JsonInput } from '../../src/protocol/json/json-writer.ts';
import { type RunningServer, startRunningServer } from '../kit/running-server.ts';
import { WireClient } from '../kit/wire-client.ts';

const limits = { timeout: 60_000 };
let server: RunningServer;
let alice: WireClient;
let bob: WireClient;

before(async () => {
  server = await startRunningServer([
    'limits.channels_per_device=4',
    'limits.members_per_channel=6',
    'compat.plaintext_clients=true',
  ]);
  alice = await WireClient.connect(server, 'alice');
  bob = await WireClient.connect(server, 'bob');
  for (const client of [alice, bob]) {
    await client.join(7, ['alice', 'bob']);
    await client.join(8, ['alice', 'bob']);
  }
  await alice.ask(FRAME.CALL_OFFER, 7, { call_id: 'running', from: 'alice', to: ['bob'] });
  await bob.ask(FRAME.CALL_ANSWER, 7, { call_id: 'running', accept: true });
});
after(async () => {
  alice.close();
  bob.close();
  await server[Symbol.asyncDispose]();
});

const call = (call_id: string): JsonInput => ({ call_id, from: 'alice', to: ['bob'] });
const REQUESTS: readonly (readonly [string, number, number, JsonInput | Uint8Array, string])[] = [
  ['MSG without JOIN', FRAME.MSG, 70, utf8('x'), 'unknown_channel'],
  ['KEY_UPDATE without JOIN', FRAME.KEY_UPDATE, 70, {}, 'unknown_channel'],
  ['GROUP_EVENT without JOIN', FRAME.GROUP_EVENT, 70, {}, 'unknown_channel'],
  ['TYPING without JOIN', FRAME.TYPING, 70, {}, 'unknown_channel'],
  ['VOICE_FRAME without JOIN', FRAME.VOICE_FRAME, 70, utf8('x'), 'unknown_channel'],
  ['CALL_OFFER without JOIN', FRAME.CALL_OFFER, 70, call('c'), 'unknown_channel'],
  ['JOIN for a group', FRAME.JOIN, 70, { members: [], group_id: 'g' }, 'unknown_group'],
  ['JOIN naming an impossible device', FRAME.JOIN, 70, { members: ['a b'] }, 'malformed'],
  ['JOIN naming too many', FRAME.JOIN, 70, { members: 'abcdefghij'.split('') }, 'limit'],
  ['GROUP_CREATE on the number of a channel', FRAME.GROUP_CREATE, 7, {}, 'channel_exists'],
  [
    'GROUP_CREATE with a device that is not',
    FRAME.GROUP_CREATE,
    9,
    { members: ['nobody'] },
    'unknown_device',
  ],
  ['GROUP_CREATE with an impossible device', FRAME.GROUP_CREATE, 9, { members: ['a@b'] }, 'malformed'],
  ['GROUP_INVITE without a group', FRAME.GROUP_INVITE, 7, { device: 'bob' }, 'malformed'],
  ['GROUP_INVITE to no group', FRAME.GROUP_INVITE, 7, { group_id: 'none', device: 'bob' }, 'unknown_group'],
  [
    'a document of no group',
    FRAME.GROUP_EVENT,
    7,
    { type: 'group-member-left', group_id: 'none' },
    'unknown_group',
  ],
  ['a document without a group', FRAME.GROUP_EVENT, 7, { type: 'group-member-left' }, 'malformed'],
  ['a MSG that fits no record', FRAME.MSG, 7, new Uint8Array(65_508), 'too_large'],
  ['CALL_OFFER without its fields', FRAME.CALL_OFFER, 7, { call_id: 'c' }, 'malformed'],
  ['CALL_OFFER with an empty id', FRAME.CALL_OFFER, 7, call(''), 'malformed'],
  ['CALL_OFFER with an id that runs', FRAME.CALL_OFFER, 7, call('running'), 'call_exists'],
  ['CALL_ANSWER of no call', FRAME.CALL_ANSWER, 7, { call_id: 'none', accept: true }, 'unknown_call'],
  [
    'CALL_ANSWER on another channel',
    FRAME.CALL_ANSWER,
    8,
    { call_id: 'running', accept: true },
    'unknown_call',
  ],
  ['CALL_ANSWER that says nothing', FRAME.CALL_ANSWER, 7, { call_id: 'running' }, 'malformed'],
  ['CALL_STATS of no call', FRAME.CALL_STATS, 7, { call_id: 'none', direction: 'send' }, 'unknown_call'],
  [
    'CALL_STATS of an unknown direction',
    FRAME.CALL_STATS,
    7,
    { call_id: 'running', direction: 'up' },
    'malformed',
  ],
  [
    'TRANSPORT_UPDATE of no call',
    FRAME.TRANSPORT_UPDATE,
    7,
    { call_id: 'none', update: 'consent_keepalive' },
    'unknown_call',
  ],
  ['a confirmation of what was never sent', FRAME.ACK, 0, { ack: 1_000 }, 'unknown_inbox_number'],
  ['a confirmation without a number', FRAME.ACK, 0, {}, 'malformed'],
  ['PRESENCE with a long state', FRAME.PRESENCE, 0, { state: 'x'.repeat(129) }, 'malformed'],
];

for (const [what, type, channel, payload, code] of REQUESTS) {
  test(`given ${what}, then ERROR ${code} on its channel, and the connection stays`, limits, async () => {
    const answer = await alice.ask(type, channel, payload);
    assert.equal(answer.type, FRAME.ERROR);
    assert.equal(answer.channel, channel);
    assert.equal(answer.json.error, code);
    assert.equal(typeof answer.json.title, 'string');
    assert.equal(typeof answer.json.detail, 'string');
    assert.equal((await alice.say(7, what)).type, FRAME.ACK);
    assert.equal(await bob.hear(), what);
  });
}

test(
  'given as many channels as a device may have, when it joins one more, then ERROR limit',
  limits,
  async () => {
    const carol = await WireClient.connect(server, 'carol');
    for (let channel = 1; channel <= 4; channel += 1) {
      assert.equal((await carol.join(channel, [])).type, FRAME.ACK);
    }
    assert.equal((await carol.join(5, [])).json.error, 'limit');
    await carol.ask(FRAME.LEAVE, 1, {});
    assert.equal((await carol.join(5, [])).type, FRAME.ACK);
    carol.close();
  },
);

for (const [what, bytes] of [
  ['an unknown frame type', Uint8Array.of(5, 0x77, 0, 1, 1, 0)],
  ['an empty frame', Uint8Array.of(0)],
  ['a frame cut inside its body', Uint8Array.of(2, 5, 0x80)],
  ['JSON that is none', encodeFrame(FRAME.JOIN, 7, 3, utf8('{]'))],
  ['a frame that is too long', Uint8Array.of(0xff, 0xff, 0xff, 0x07)],
] as const) {
  test(`given ${what}, then an encrypted ERROR decode and an orderly end`, limits, async () => {
    const client = await WireClient.connect(server, 'decoder');
    client.write(client.wrap(bytes));
    const error = await client.next();
    assert.deepEqual([error?.type, error?.channel, error?.text], [FRAME.ERROR, 0, '{"error":"decode"}']);
    assert.equal(await client.next(), undefined);
    assert.equal(client.stream.rstCode, 0);
    client.close();
  });
}

for (const [what, bytes] of [
  ['a record that does not authenticate', Uint8Array.of(16, ...new Uint8Array(16))],
  ['a record shorter than its tag', Uint8Array.of(15, ...new Uint8Array(15))],
  ['a record longer than any', Uint8Array.of(0x80, 0x80, 0x04)],
] as const) {
  test(`given ${what}, then the stream ends without a word`, limits, async () => {
    const client = await WireClient.connect(server, 'recorder');
    client.write(bytes);
    assert.equal(await client.next(), undefined);
    client.close();
  });
}

test('given a second connection, then the first gets ERROR replaced and an orderly end', limits, async () => {
  const first = await WireClient.connect(server, 'twice');
  const second = await WireClient.connect(server, 'twice');
  assert.equal((await first.next())?.json.error, 'replaced');
  assert.equal(await first.next(), undefined);
  assert.equal((await second.join(7, [])).type, FRAME.ACK);
  first.close();
  second.close();
});

test(
  'given a server that stops, then its sessions get ERROR shutting_down and an orderly end',
  limits,
  async () => {
    const stopping = await startRunningServer();
    const client = await WireClient.connect(stopping, 'alice');
    const closed = stopping[Symbol.asyncDispose]();
    assert.equal((await client.next())?.json.error, 'shutting_down');
    assert.equal(await client.next(), undefined);
    client.close();
    await closed;
  },
);

test(
  'given frames cut over records and bytes, when they come, then each is handled once and in order',
  limits,
  async () => {
    const frames = Buffer.concat(
      ['one', 'two', 'three'].map((words) => encodeFrame(FRAME.MSG, 7, alice.nextSequence(), utf8(words))),
    );
    for (let from = 0; from < frames.length; from += 3) {
      for (const byte of alice.wrap(frames.subarray(from, from + 3))) alice.write(Uint8Array.of(byte));
      alice.write(alice.wrap(new Uint8Array()));
    }
    assert.deepEqual([await bob.hear(), await bob.hear(), await bob.hear()], ['one', 'two', 'three']);
  },
);

test(
  'given more mail than a record holds, when its device returns, then frames cut over records arrive whole',
  limits,
  async () => {
    const dave = await WireClient.connect(server, 'dave');
    await alice.join(8, ['dave']);
    await dave.join(8, ['alice']);
    dave.close();
    const texts = Array.from({ length: 12 }, (_, index) => `${index}${'x'.repeat(40_000 + index)}`);
    for (const words of texts) assert.equal((await alice.say(8, words)).type, FRAME.ACK);
    const back = await WireClient.connect(server, 'dave');
    for (const words of texts) assert.equal(await back.hear(), words);
    back.close();
  },
);

test(
  'given an older client, when plaintext is allowed, then two of them meet on a number and chat in clear',
  limits,
  async () => {
    const one = await WireClient.connect(server, 'older-1', { older: true });
    const two = await WireClient.connect(server, 'older-2', { older: true });
    assert.deepEqual(one.facts.capabilities ?? [], []);
    assert.equal((await one.join(500, ['older-1'])).type, FRAME.ACK);
    // These clients write into a channel only once a frame of it has come.
    assert.deepEqual((await one.until(({ type }) => type === FRAME.JOIN)).json, { members: ['older-1'] });
    assert.equal((await two.join(500, ['older-2'])).type, FRAME.ACK);
    for (const client of [one, two]) {
      await client.until(({ type, json }) => type === FRAME.JOIN && json.members.length === 2);
    }
    await one.say(500, 'in clear');
    assert.equal(await two.hear(), 'in clear');
    await two.say(500, 'back');
    assert.equal(await one.hear(), 'back');
    assert.equal((await one.say(501, 'x')).json.error, 'unknown_channel');
    await two.ask(FRAME.LEAVE, 500, {});
    assert.deepEqual((await one.until(({ type }) => type === FRAME.LEAVE)).json, { device: 'older-2' });
    one.close();
    two.close();
  },
);

test(
  'given an older client, when plaintext is not allowed, then its first frame in clear ends the stream',
  limits,
  async () => {
    await using strict = await startRunningServer();
    const client = await WireClient.connect(strict, 'older', { older: true });
    client.post(FRAME.JOIN, 500, { members: ['older'] });
    await client.end();
    assert.deepEqual(client.rest(), []);
    client.close();
  },
);
