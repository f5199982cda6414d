import { HandshakeMessageError, parseClientAuth, parseHello } from '../../src/protocol/control/index.ts';
import { encodeJson, JsonError, parseJson } from '../../src/protocol/json/json.ts';
import { LIMITS } from '../../src/protocol/limits.ts';
import { attempt, must, mustEqual } from '../oracles.ts';
import type { FuzzTarget } from '../target.ts';

const KEY = '5a'.repeat(32);

function hello(changes: Readonly<Record<string, unknown>> = {}): Uint8Array {
  const usual = {
    protocol_version: 1,
    supported_versions: [1, 2],
    pattern: 'XK',
    device_id: 'device-1',
    client_static: KEY,
    device_public: KEY,
    handshake: 'ab'.repeat(48),
    zkp: { commitment: KEY, response: KEY },
    certificate: null,
    user: { handle: 'cat', display_name: 'Cat', avatar_url: 'https://example.org/a', id: 'u-1' },
    capabilities: ['delivery-ack', 'resume', 'voice'],
  };
  return Buffer.from(JSON.stringify({ ...usual, ...changes }));
}

export const target: FuzzTarget = {
  name: 'hello',
  about:
    'HELLO and AUTH: only named refusals, every field within its limits, the same after writing and reading',
  maxLength: 4096,
  form: 'json',
  seeds: () => [
    hello(),
    hello({
      pattern: 'IK',
      supported_versions: undefined,
      user: { user_id: 'u', handle: 1 },
      capabilities: [1],
    }),
    hello({ certificate: { serial: 1, user_id: 'u' }, device_id: 'a b', capabilities: {} }),
  ],
  run(data) {
    const { value, error } = attempt(() => parseJson(data));
    if (value === undefined) {
      must(error instanceof JsonError, 'no JSON is a JsonError');
      return;
    }
    const auth = attempt(() => parseClientAuth(value));
    must(
      auth.error === undefined || auth.error instanceof HandshakeMessageError,
      'AUTH is refused with a detail',
    );
    const { value: read, error: refusal } = attempt(() => parseHello(value));
    if (read === undefined) {
      must(
        refusal instanceof HandshakeMessageError && refusal.detail !== '',
        'HELLO is refused with a detail',
      );
      return;
    }
    must(/^[!-?A-~]{1,128}$/.test(read.deviceId), 'a device id is printable ASCII without @');
    for (const key of [read.clientStatic, read.devicePublic, read.proof.commitment, read.proof.response]) {
      must(key.length === LIMITS.KEY_BYTES, 'keys have 32 bytes');
    }
    must(read.handshake.length <= LIMITS.HANDSHAKE_MESSAGE_MAX, 'a Noise message is limited');
    must(read.capabilities.length <= LIMITS.CAPABILITIES_MAX, 'capabilities are limited');
    must((read.user.handle?.length ?? 0) <= LIMITS.HANDLE_MAX, 'a handle is limited');
    must((read.user.displayName?.length ?? 0) <= LIMITS.DISPLAY_NAME_MAX, 'a display name is limited');
    must((read.user.avatarUrl?.length ?? 0) <= LIMITS.AVATAR_URL_MAX, 'an avatar url is limited');
    mustEqual(parseHello(parseJson(encodeJson(value))), read, 'the same after writing and reading');
  },
};
