import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FRAME, type FrameName } from '../frames/frame-types.ts';
import { encodeJson, type JsonInput } from '../json/json.ts';
import { isReadableByOlderClient } from './older-client.ts';

const utf8 = new TextEncoder();

const AUDIO = { codec: 'opus', bitrate: 1, sample_rate: 48_000, channels: 2, source: 'a later key' };
const VIDEO = { codec: 'vp8', max_bitrate: 1, max_resolution: { width: 1, height: 1 }, frame_rate: 1 };
const OFFER = { call_id: 'c', from: 'a', to: ['b'] };
const ANSWER = { call_id: 'c', accept: true };

/** JSON that the client survives. */
const READABLE: ReadonlyArray<readonly [FrameName, JsonInput]> = [
  ['JOIN', {}],
  ['LEAVE', null],
  ['ACK', 1],
  ['ERROR', 'x'],
  ['TYPING', { device: 'd' }],
  ['TYPING', { device_id: 'd' }],
  ['TYPING', { sender: 'd', device: 1 }],
  ['PRESENCE', { entity: 'd' }],
  ['GROUP_CREATE', {}],
  ['GROUP_INVITE', { group_id: 'g', member: 'd' }],
  ['GROUP_INVITE', { group_id: 'g', device: 'd' }],
  ['GROUP_EVENT', []],
  ['GROUP_EVENT', { type: 'group-member-left', group_id: 'g' }],
  ['GROUP_EVENT', { type: 'group-role-changed', group_id: 'g', device: 'd', role: 'owner' }],
  ['CALL_OFFER', OFFER],
  ['CALL_OFFER', { ...OFFER, media: { audio: AUDIO, video: VIDEO, capabilities: 'a later key' } }],
  ['CALL_OFFER', { ...OFFER, transport: { candidates: 'a later key', udp_candidates: [] } }],
  ['CALL_ANSWER', { ...ANSWER, selected_audio_codec: 'raw_pcm' }],
  ['CALL_END', { call_id: 'c', reason: 'hangup' }],
  ['CALL_STATS', { call_id: 'c', direction: 'send', audio: { bitrate: 1, source: 'a later key' } }],
];

/** JSON that ends it, or makes it lose what follows. */
const UNREADABLE: ReadonlyArray<readonly [FrameName, JsonInput]> = [
  ['JOIN', []],
  ['TYPING', {}],
  ['TYPING', { device: 1 }],
  ['PRESENCE', { peer: 'd', state: 'online' }],
  ['GROUP_CREATE', 'x'],
  ['GROUP_INVITE', { group_id: 'g' }],
  ['GROUP_INVITE', { device: 'd' }],
  ['CALL_OFFER', {}],
  ['CALL_OFFER', { ...OFFER, media: { audio: { ...AUDIO, codec: 'raw_pcm' } } }],
  ['CALL_OFFER', { ...OFFER, media: { audio: { ...AUDIO, channels: 3 } } }],
  ['CALL_OFFER', { ...OFFER, media: { audio: { ...AUDIO, sample_rate: 44_100 } } }],
  ['CALL_OFFER', { ...OFFER, media: { audio: AUDIO, video: { ...VIDEO, codec: 'av1_main' } } }],
  ['CALL_OFFER', { ...OFFER, transport: { udp_candidates: [{}] } }],
  ['CALL_ANSWER', { ...ANSWER, reason: 'bored' }],
  ['CALL_END', { call_id: 'c', reason: 'bored' }],
  ['CALL_STATS', { call_id: 'c', direction: 'up' }],
  ['TRANSPORT_UPDATE', { call_id: 'c', update: 'consent_keepalive' }],
];

describe('given a client of generation G1', () => {
  for (const [name, value] of READABLE) {
    test(`when ${name} carries ${JSON.stringify(value).slice(0, 60)}, then it may be sent`, () => {
      assert.equal(isReadableByOlderClient(FRAME[name], encodeJson(value)), true);
    });
  }

  for (const [name, value] of UNREADABLE) {
    test(`when ${name} carries ${JSON.stringify(value).slice(0, 60)}, then it is withheld`, () => {
      assert.equal(isReadableByOlderClient(FRAME[name], encodeJson(value)), false);
    });
  }

  test('when the payload of a JSON frame is no JSON, then it is withheld; KEY_UPDATE is opaque there', () => {
    const payload = Uint8Array.of(0xff);
    for (const name of ['JOIN', 'LEAVE', 'ACK', 'ERROR', 'GROUP_EVENT', 'CALL_END'] as const) {
      assert.equal(isReadableByOlderClient(FRAME[name], payload), false, name);
    }
    assert.equal(isReadableByOlderClient(FRAME.KEY_UPDATE, payload), true);
  });

  test('when the type is unknown, then it is withheld', () => {
    for (const type of [0, 0x15, 0xff]) assert.equal(isReadableByOlderClient(type, utf8.encode('{}')), false);
  });

  test('when media carries our header, then it is withheld; bare packets pass', () => {
    assert.equal(isReadableByOlderClient(FRAME.VOICE_FRAME, Uint8Array.of(1, 0, 0, 0x78)), false);
    assert.equal(isReadableByOlderClient(FRAME.VIDEO_FRAME, Uint8Array.of(1, 2, 6)), false);
    for (const packet of [[0x78, 1, 2, 3], [1, 3, 0], [1, 0, 2], [1, 0], []]) {
      assert.equal(isReadableByOlderClient(FRAME.VOICE_FRAME, Uint8Array.from(packet)), true, `${packet}`);
    }
    assert.equal(isReadableByOlderClient(FRAME.VIDEO_FRAME, Uint8Array.of(1, 0, 7)), true);
  });
});

describe('given a text message for a client of generation G1', () => {
  const cases: ReadonlyArray<readonly [string, Uint8Array, boolean]> = [
    ['it ends before byte 64', utf8.encode(`${'x'.repeat(62)}é`), true],
    ['a character ends exactly at byte 64', utf8.encode(`${'x'.repeat(62)}é!`), true],
    ['a character lies across byte 64', utf8.encode(`${'x'.repeat(63)}é`), false],
    ['a long character lies across byte 64', utf8.encode(`${'x'.repeat(61)}🦀`), false],
    ['it is a JSON object', utf8.encode(`{"text":"${'x'.repeat(54)}é"}`), true],
    ['it is JSON but no object', utf8.encode(`"${'x'.repeat(62)}é"`), false],
    ['it is not UTF-8', Uint8Array.from([0xff, ...utf8.encode(`${'x'.repeat(62)}é`)]), true],
    ['it is empty', new Uint8Array(0), true],
  ];
  for (const [name, payload, readable] of cases) {
    test(`when ${name}, then it is ${readable ? 'sent' : 'withheld'}`, () => {
      assert.equal(isReadableByOlderClient(FRAME.MSG, payload), readable);
    });
  }
});
