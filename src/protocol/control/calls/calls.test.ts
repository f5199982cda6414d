import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseJsonText } from '../../json/json.ts';
import { ControlError } from '../control-error.ts';
import {
  parseCallAnswer,
  parseCallEnd,
  parseCallOffer,
  parseCallStats,
  parseCallTransportUpdate,
} from './calls.ts';
import { DEFAULT_MEDIA_PROFILE } from './media-schema.ts';

const CANDIDATE = { address: 'h', port: 9 };

describe('given a call offer', () => {
  const offer = { call_id: 'c', from: 'a', to: ['b'] };

  test('when it has no media, then the profile of PROTOCOL.md 5.25 holds, as a copy', () => {
    const parsed = parseCallOffer(offer);
    assert.deepEqual(parsed.media, DEFAULT_MEDIA_PROFILE);
    assert.notEqual(parsed.media, DEFAULT_MEDIA_PROFILE);
  });

  test('when media is null, then it is refused: a default is not nullable', () => {
    assert.throws(() => parseCallOffer({ ...offer, media: null }), ControlError);
  });

  test('when metadata holds numbers of every kind, then they survive', () => {
    const metadata = parseJsonText('{"b":18446744073709551615,"a":1.0}');
    assert.deepEqual(parseCallOffer({ ...offer, metadata }).metadata, metadata);
  });

  test('when candidates stand under their older name, then they are read; under both names, refused', () => {
    const transport = { udp_candidates: [CANDIDATE] };
    assert.equal(parseCallOffer({ ...offer, transport }).transport?.candidates[0]?.address, 'h');
    const both = { ...transport, candidates: [] };
    assert.throws(() => parseCallOffer({ ...offer, transport: both }), /udp_candidates/);
    assert.throws(() => parseCallAnswer({ call_id: 'c', accept: true, transport: both }), ControlError);
  });
});

describe('given the other call structures', () => {
  test('when an update names its kind, then the keys of other kinds are not looked at', () => {
    const update = { call_id: 'c', update: 'consent_keepalive', interval_secs: 7, candidate: 5 };
    assert.deepEqual(parseCallTransportUpdate(update), {
      call_id: 'c',
      update: 'consent_keepalive',
      interval_secs: 7,
    });
  });

  test('when an update has an unknown kind, none, or an inherited one, then it is refused', () => {
    for (const update of ['restart', null, 0, {}, 'constructor']) {
      assert.throws(() => parseCallTransportUpdate({ call_id: 'c', update }), /^ControlError: update:/);
    }
    assert.throws(() => parseCallTransportUpdate([]), ControlError);
  });

  test('when an end has an unknown reason, then it is refused', () => {
    assert.equal(parseCallEnd({ call_id: 'c', reason: 'hangup' }).metadata, null);
    assert.throws(() => parseCallEnd({ call_id: 'c', reason: 'bored' }), ControlError);
  });

  test('when statistics leave out what they may, then the defaults are filled in', () => {
    const { audio, video } = parseCallStats({ call_id: 'c', direction: 'send', audio: { bitrate: 1 } });
    assert.equal(audio?.packet_loss, 0);
    assert.equal(audio?.jitter_ms, 0);
    assert.equal(audio?.rtt_ms, null);
    assert.equal(video, null);
  });
});
