import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { utf8 } from '../../src/protocol/bytes.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { stringifyJson } from '../../src/protocol/json/json-writer.ts';
import { haproxyMissing } from '../haproxy/haproxy-process.ts';
import { pause } from '../kit/waiting.ts';
import { pour } from './attack-tools.ts';
import { Fortress, limitReached, type Way } from './fortress.ts';

const KIB = 1024;
const rejected = (reason: string): string => `commucat_handshakes_rejected_total{reason="${reason}"}`;
const closed = (reason: string): string => `commucat_sessions_closed_total{reason="${reason}"}`;
const refused = (code: string): string => `commucat_errors_sent_total{code="${code}"}`;

/** Attacks of devices that are let in, on a server that everybody comes to in one way. Left out where HAProxy is missing. */
export function attackSessions(way: Way): void {
  const skip = way === 'HAProxy' ? (haproxyMissing() ?? false) : false;
  const limits = { skip, timeout: 60_000 };
  let fortress: Fortress;

  before(async () => {
    if (skip !== false) return;
    fortress = await Fortress.start(
      [
        'limits.session_backlog_bytes=65536',
        'limits.session_frames_per_second=500',
        'limits.session_bytes_per_second=1000000',
        'limits.mailbox_frames=400',
        'limits.listings_per_device=500',
        'limits.channels_per_device=50',
      ],
      { way },
    );
  });
  after(() => fortress?.[Symbol.asyncDispose]());

  const isDirect = way === 'direct';
  const fate = isDirect
    ? 'it is cut off and the writer is not'
    : 'HAProxy keeps what waits for it, and all others go on';

  test(`slow reader: given a device that reads nothing, when it is written to, then ${fate}`, limits, () =>
    fortress.withstand(
      async () => {
        const sleeper = await fortress.intruder();
        const writer = await fortress.intruder();
        const both = [sleeper.device, writer.device];
        for (const client of [sleeper, writer]) await client.join(2, both);
        sleeper.stream.pause();
        const words = 'x'.repeat(60 * KIB);
        for (let sent = 0; sent < 12; sent += 1) {
          assert.equal((await writer.say(2, words)).type, FRAME.ACK);
        }
        if (isDirect) await fortress.until('commucat_slow_peers_closed_total', 0);
        assert.equal((await writer.say(2, 'still here')).type, FRAME.ACK);
      },
      { counted: isDirect ? ['commucat_slow_peers_closed_total', closed('slow_peer')] : [] },
    ),
  );

  test(
    'full mailbox: given a device that never comes, when it is written to without end, then the writer is told',
    limits,
    () =>
      fortress.withstand(
        async () => {
          const writer = await fortress.intruder();
          const absent = await fortress.intruder();
          const both = [writer.device, absent.device];
          for (const client of [writer, absent]) await client.join(3, both);
          absent.close();
          const answers = new Set<unknown>();
          for (let sent = 0; sent < 450; sent += 1) {
            const { json } = await writer.say(3, 'spam');
            answers.add(json.error);
          }
          assert.deepEqual(answers, new Set([undefined, 'mailbox_full']));
        },
        { counted: [limitReached('mailbox_frames'), refused('mailbox_full')] },
      ),
  );

  test(
    'frame flood: given frames faster than allowed, then they are read at the allowed rate, and none is lost',
    limits,
    () =>
      fortress.withstand(
        async () => {
          const flooder = await fortress.intruder();
          let last = 0;
          for (let sent = 0; sent < 2000; sent += 1) last = flooder.post(FRAME.LEAVE, 0xffff_fff0, {});
          await flooder.until(({ type, json }) => type === FRAME.ACK && json.ack === last);
        },
        { counted: [limitReached('session_frames_per_second')] },
      ),
  );

  test('byte flood: given bytes faster than allowed, then they are read at the allowed rate', limits, () =>
    fortress.withstand(
      async () => {
        const flooder = await fortress.intruder();
        const filler = new Uint8Array(60 * KIB);
        for (let sent = 0; sent < 60; sent += 1) flooder.post(FRAME.MSG, 0xffff_fff0, filler);
        await flooder.barrier();
      },
      { counted: [limitReached('session_bytes_per_second')] },
    ),
  );

  test('lies: given records and frames that claim more than comes, then the session ends', limits, () =>
    fortress.withstand(
      async () => {
        // An endless varint; a record longer than any; a frame of 16 MiB within a good record.
        for (const lie of [Buffer.alloc(11, 0xff), Buffer.from([0xff, 0xff, 0x07])]) {
          const liar = await fortress.intruder();
          liar.write(lie);
          await liar.end();
        }
        const liar = await fortress.intruder();
        liar.write(liar.wrap(Buffer.from([0xff, 0xff, 0xff, 0x07, 0x05, 0x00, 0x00])));
        assert.deepEqual((await liar.next())?.json, { error: 'decode' });
      },
      { counted: [closed('record'), closed('decode')] },
    ),
  );

  test('lies: given handshake frames of 16 MiB, then they are refused before they come', limits, () =>
    fortress.withstand(
      async () => {
        for (let round = 0; round < 10; round += 1) {
          const stranger = fortress.stranger();
          stranger.write(Buffer.from([0xff, 0xff, 0xff, 0x07, 0x01]));
          assert.deepEqual((await stranger.next())?.json, { error: 'decode' });
          stranger.close();
        }
      },
      { counted: [rejected('decode'), refused('decode')], growth: 48 },
    ),
  );

  for (const [what, json] of [
    ['256 KiB deep', '['.repeat(262_000)],
    ['deep in objects', '{"a":'.repeat(50_000)],
    ['a number of 200,000 digits', `{"device_id":${'9'.repeat(200_000)}}`],
    ['a number beyond all numbers', '{"ts":1e999999999}'],
    ['100,000 keys', `{${Array.from({ length: 20_000 }, (_, key) => `"${key}":0`).join(',')}}`],
  ] as const) {
    test(`JSON: given ${what}, then HELLO is refused, and in a session nobody else notices`, limits, () =>
      fortress.withstand(
        async () => {
          for (let round = 0; round < 5; round += 1) {
            const stranger = fortress.stranger();
            stranger.plain(FRAME.HELLO, 0, 1, json);
            assert.equal((await stranger.next())?.type, FRAME.ERROR);
            stranger.close();
            const intruder = await fortress.intruder();
            pour(intruder, [[FRAME.PRESENCE, 0, utf8(json)]]);
            await Promise.race([intruder.end(), intruder.barrier().catch(() => undefined)]);
            intruder.close();
          }
        },
        { counted: ['commucat_handshakes_total{pattern="unknown",result="rejected"}'] },
      ),
    );
  }

  test(
    'replayed HELLO: given a HELLO that was seen, when a stranger sends it again, then it does not get in',
    limits,
    () =>
      fortress.withstand(
        async () => {
          const victim = await fortress.intruder();
          const thief = fortress.stranger(victim.device, { key: 'thief' });
          thief.plain(FRAME.HELLO, 0, 1, stringifyJson(victim.hello));
          assert.equal((await thief.next())?.type, FRAME.AUTH);
          thief.plain(FRAME.AUTH, 0, 2, stringifyJson({ handshake: '00'.repeat(64) }));
          assert.deepEqual((await thief.next())?.json, { detail: 'crypto failure', error: 'handshake' });
          assert.equal((await victim.join(4, [])).type, FRAME.ACK);
        },
        { counted: [rejected('noise_message_3')] },
      ),
  );

  test(
    'stolen device id: given a device, when a stranger connects under its id, then it is refused and the owner stays',
    limits,
    () =>
      fortress.withstand(
        async () => {
          const victim = await fortress.intruder();
          await assert.rejects(fortress.intruder(victim.device, { key: 'thief' }), /"invalid request"/);
          assert.equal((await victim.join(4, [])).type, FRAME.ACK);
        },
        { counted: [rejected('device_key_mismatch')] },
      ),
  );

  test('foreign handle: given an account, when strangers name its handle, then none gets in', limits, () =>
    fortress.withstand(
      async () => {
        const victim = await fortress.intruder();
        const { handle } = victim.facts.user;
        await assert.rejects(
          fortress.intruder(fortress.name('thief'), { hello: { user: { handle } } }),
          /pairing/,
        );
      },
      { counted: [rejected('existing_user')] },
    ),
  );

  test(
    'foreign channel: given a channel of others, when a stranger uses its number, then it is alone',
    limits,
    () =>
      fortress.withstand(
        async () => {
          const stranger = await fortress.intruder();
          assert.equal((await stranger.say(1, 'let me in')).json.error, 'unknown_channel');
          assert.equal((await stranger.join(1, [stranger.device, 'alice', 'bob'])).type, FRAME.ACK);
          await stranger.say(1, 'let me in');
          await pause(200);
          assert.deepEqual(
            stranger.rest().filter(({ type }) => type === FRAME.MSG),
            [],
          );
        },
        { counted: [refused('unknown_channel')] },
      ),
  );

  test(
    'group id squat: given a group, when a stranger creates it again or invites itself, then it is refused',
    limits,
    () =>
      fortress.withstand(
        async () => {
          const owner = await fortress.intruder();
          const group = fortress.name('group');
          const created = await owner.ask(FRAME.GROUP_CREATE, 5, { group_id: group });
          assert.equal(created.type, FRAME.ACK, created.text);
          const stranger = await fortress.intruder();
          const squat = await stranger.ask(FRAME.GROUP_CREATE, 5, { group_id: group });
          assert.equal(squat.json.error, 'group_exists');
          const invite = await stranger.ask(FRAME.GROUP_INVITE, 5, {
            group_id: group,
            device: stranger.device,
          });
          assert.equal(invite.type, FRAME.ERROR);
          const join = await stranger.ask(FRAME.JOIN, 5, { group_id: group });
          assert.equal(join.json.error, 'unknown_group');
        },
        { counted: [refused('group_exists'), refused('unknown_group')] },
      ),
  );

  test(
    'names without end: given JOINs that name strangers, then no more than allowed are remembered',
    limits,
    () =>
      fortress.withstand(
        async () => {
          const stranger = await fortress.intruder();
          const errors = new Set<unknown>();
          for (let channel = 10; channel < 70; channel += 1) {
            const names = Array.from({ length: 50 }, (_, index) => `nobody-${channel}-${index}`);
            errors.add((await stranger.join(channel, names)).json.error);
          }
          for (let channel = 100; channel < 160; channel += 1) {
            errors.add((await stranger.join(channel, [])).json.error);
          }
          assert.deepEqual(errors, new Set([undefined, 'limit']));
        },
        { counted: [limitReached('listings_per_device'), limitReached('channels_per_device')] },
      ),
  );
}
