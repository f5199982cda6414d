import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { toHex } from '../bytes.ts';
import { JsonFloat, type JsonValue } from '../json/json-value.ts';
import { LIMITS } from '../limits.ts';
import { HandshakeMessageError, parseClientAuth, parseHello } from './hello.ts';

const KEY = 'Ab'.repeat(32);

const HELLO = {
  pattern: 'XK',
  device_id: 'device-1',
  handshake: '0011',
  client_static: KEY,
  device_public: KEY,
  zkp: { commitment: KEY, response: KEY, more: 1 },
};

function detailOf(value: JsonValue): string {
  try {
    parseHello(value);
  } catch (error) {
    assert.ok(error instanceof HandshakeMessageError);
    return error.detail;
  }
  return 'accepted';
}

describe('given a HELLO with the required keys only', () => {
  test('then everything else has its default', () => {
    const hello = parseHello(HELLO);
    assert.equal(hello.protocolVersion, 1);
    assert.equal(hello.namesVersions, false);
    assert.equal(toHex(hello.handshake), '0011');
    assert.equal(toHex(hello.proof.commitment), KEY.toLowerCase());
    assert.equal(hello.certificate, undefined);
    assert.deepEqual(hello.capabilities, []);
    assert.equal(hello.user.id, undefined);
  });

  for (const key of Object.keys(HELLO)) {
    test(`when ${key} is missing or null, then the request is invalid`, () => {
      const { [key as keyof typeof HELLO]: _, ...rest } = HELLO;
      assert.equal(detailOf(rest), 'invalid request');
      assert.equal(detailOf({ ...HELLO, [key]: null }), 'invalid request');
    });
  }

  const wrong: ReadonlyArray<readonly [string, JsonValue]> = [
    ['pattern', 'xk'],
    ['device_id', ''],
    ['device_id', 'a@b'],
    ['device_id', 'x'.repeat(LIMITS.DEVICE_ID_MAX + 1)],
    ['handshake', '001'],
    ['handshake', 'zz'],
    ['handshake', '00'.repeat(LIMITS.HANDSHAKE_MESSAGE_MAX + 1)],
    ['client_static', KEY.slice(2)],
    ['device_public', `${KEY}00`],
    ['zkp', []],
    ['zkp', { commitment: KEY }],
    ['user', { handle: 'x'.repeat(LIMITS.HANDLE_MAX + 1) }],
  ];
  for (const [key, value] of wrong) {
    test(`when ${key} is ${JSON.stringify(value).slice(0, 30)}, then the request is invalid`, () => {
      assert.equal(detailOf({ ...HELLO, [key]: value }), 'invalid request');
    });
  }

  test('when it is no object at all, then the request is invalid', () => {
    for (const value of [null, [], 'x', 1]) assert.equal(detailOf(value), 'invalid request');
  });

  test('when the certificate is null, then it is there and null: not the same as absent', () => {
    assert.equal(parseHello({ ...HELLO, certificate: null }).certificate, null);
  });
});

describe('given hints and capabilities', () => {
  test('when both ids are there, then id wins; what is no text is ignored', () => {
    assert.equal(parseHello({ ...HELLO, user: { id: 'i', user_id: 'u' } }).user.id, 'i');
    assert.equal(parseHello({ ...HELLO, user: { id: 7, user_id: 'u' } }).user.id, 'u');
    assert.equal(parseHello({ ...HELLO, user: ['handle'] }).user.handle, undefined);
    assert.equal(parseHello({ ...HELLO, user: { display_name: null } }).user.displayName, undefined);
  });

  test('when capabilities hold other things than short texts, then those are left out', () => {
    const capabilities = ['noise', 1, 'x'.repeat(LIMITS.CAPABILITY_MAX + 1), null, 'zstd'];
    assert.deepEqual(parseHello({ ...HELLO, capabilities }).capabilities, ['noise', 'zstd']);
    assert.deepEqual(parseHello({ ...HELLO, capabilities: 'noise' }).capabilities, []);
    const many = Array.from({ length: 1000 }, () => 'c');
    assert.equal(parseHello({ ...HELLO, capabilities: many }).capabilities.length, LIMITS.CAPABILITIES_MAX);
  });
});

describe('given offers of versions', () => {
  const failed = 'protocol negotiation failed: ';
  const cases: ReadonlyArray<readonly [JsonValue, string]> = [
    [{ supported_versions: [1] }, 'accepted'],
    [{ supported_versions: [7, 1, 2] }, 'accepted'],
    [{ supported_versions: [1], protocol_version: 'x' }, 'accepted'],
    [{ protocol_version: 1 }, 'accepted'],
    [{ supported_versions: null }, `${failed}supported_versions must be an array`],
    [{ supported_versions: 1, protocol_version: 1 }, `${failed}supported_versions must be an array`],
    [{ supported_versions: [] }, `${failed}supported_versions cannot be empty`],
    [{ supported_versions: [1, '2'] }, `${failed}supported_versions entries must be unsigned integers`],
    [{ supported_versions: [-1] }, `${failed}supported_versions entries must be unsigned integers`],
    [
      { supported_versions: [new JsonFloat(1)] },
      `${failed}supported_versions entries must be unsigned integers`,
    ],
    [{ supported_versions: [65536] }, `${failed}protocol version 65536 out of range`],
    [{ supported_versions: [2n ** 63n] }, `${failed}protocol version 9223372036854775808 out of range`],
    [{ supported_versions: [2, 3] }, `${failed}no common protocol version; peer=[2, 3]; supported=[1]`],
    [{ protocol_version: null }, `${failed}protocol_version must be an unsigned integer`],
    [{ protocol_version: 0.5 }, `${failed}protocol_version must be an unsigned integer`],
    [{ protocol_version: 70000 }, `${failed}protocol version 70000 out of range`],
    [{ protocol_version: 2 }, `${failed}unsupported protocol version 2; supported=[1]`],
  ];
  for (const [offer, detail] of cases) {
    test(`then the answer is: ${detail}`, () => {
      assert.equal(detailOf({ ...HELLO, ...(offer as object) }), detail);
    });
  }

  test('when version and pattern are both wrong, then the version decides the answer', () => {
    assert.match(detailOf({ ...HELLO, protocol_version: 2, pattern: 'NN' }), /negotiation failed/);
  });

  test('when supported_versions is there, then the client shows that it is not of the older generation', () => {
    assert.equal(parseHello({ ...HELLO, supported_versions: [1] }).namesVersions, true);
  });
});

describe('given a client AUTH', () => {
  test('when it carries Noise message 3, then that is read; else the request is invalid', () => {
    assert.equal(toHex(parseClientAuth({ handshake: 'AB01', other: 1 }).handshake), 'ab01');
    for (const value of [{}, null, { handshake: 1 }, { handshake: 'abc' }]) {
      assert.throws(() => parseClientAuth(value), HandshakeMessageError);
    }
  });
});
