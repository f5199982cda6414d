import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseJson } from '../json/json.ts';
import { LIMITS } from '../limits.ts';
import {
  CommuCatError,
  decodeErrorPayload,
  errorPayload,
  handshakeErrorPayload,
  pairingRequiredPayload,
  WIRE_ERRORS,
} from './errors.ts';

function text(payload: Uint8Array): string {
  return new TextDecoder().decode(payload);
}

describe('given the reference shapes of PROTOCOL.md 3.12', () => {
  test('then they are byte for byte those', () => {
    assert.equal(
      text(handshakeErrorPayload('invalid request')),
      '{"detail":"invalid request","error":"handshake"}',
    );
    assert.equal(
      text(pairingRequiredPayload()),
      '{"detail":"pairing required","error":"handshake","pairing_required":true,"title":"PairingRequired"}',
    );
    assert.equal(text(decodeErrorPayload()), '{"error":"decode"}');
  });
});

describe('given an error of our table', () => {
  test('when it answers a frame, then it names code, title, detail and the frame', () => {
    assert.deepEqual(parseJson(errorPayload('unknown_channel', 'channel 7', { ack: 9 })), {
      ack: 9,
      error: 'unknown_channel',
      title: 'Unknown channel',
      detail: 'channel 7',
    });
  });

  test('when extra members carry the names of the fixed ones, then the fixed ones win', () => {
    const value = parseJson(errorPayload('limit', 'd', { error: 'other', title: 'x', detail: 'y' }));
    assert.deepEqual(value, { error: 'limit', title: 'Limit reached', detail: 'd' });
  });

  test('when the detail is longer than allowed, then it is cut, also inside a surrogate pair', () => {
    const value = parseJson(errorPayload('malformed', '😀'.repeat(5000))) as { detail: string };
    assert.equal(value.detail.length, LIMITS.ERROR_DETAIL_MAX);
  });

  test('then codes are lower-case words, and titles and docs are there', () => {
    for (const [code, { title, doc }] of Object.entries(WIRE_ERRORS)) {
      assert.match(code, /^[a-z]+(?:_[a-z]+)*$/);
      assert.ok(title.length > 0 && title.length < 40, code);
      assert.match(doc, /\.$/, code);
    }
  });
});

describe('given an error of the project', () => {
  test('then it keeps code, cause and the name of its class', () => {
    class SpecialError extends CommuCatError {}
    const cause = new Error('below');
    const error = new SpecialError('SPECIAL', 'above', { retryable: true, cause });
    assert.deepEqual(
      [error.name, error.code, error.retryable, error.cause],
      ['SpecialError', 'SPECIAL', true, cause],
    );
    assert.equal(new SpecialError('SPECIAL', 'above').retryable, false);
    assert.equal('cause' in new SpecialError('SPECIAL', 'above'), false);
  });
});
