import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { utf8 } from '../../src/protocol/bytes.ts';
import { encodeFrame } from '../../src/protocol/frames/frame.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { type JsonInput, stringifyJson } from '../../src/protocol/json/json-writer.ts';
import { type RunningServer, startRunningServer } from '../kit/running-server.ts';
import { WireClient, type WireOptions } from '../kit/wire-client.ts';

const limits = { timeout: 60_000 };
let server: RunningServer;
before(async () => {
  server = await startRunningServer();
});
after(() => server[Symbol.asyncDispose]());

const refusal = (detail: string): string => `{"detail":"${detail}","error":"handshake"}`;
const INVALID = refusal('invalid request');
const reasoned = (reason: string): string =>
  `{"detail":"invalid request","error":"handshake","reason":"${reason}"}`;
const CRYPTO = refusal('crypto failure');
const PAIRING =
  '{"detail":"pairing required","error":"handshake","pairing_required":true,"title":"PairingRequired"}';

/** The answer is exactly this ERROR in clear, and then the stream ends in order. */
async function assertRefused(client: WireClient, sequence: number, payload: string): Promise<void> {
  await client.end();
  const bytes = Buffer.concat(client.raw);
  const expected = Buffer.from(encodeFrame(FRAME.ERROR, 0, sequence, utf8(payload)));
  assert.equal(bytes.subarray(-expected.length).toString('latin1'), expected.toString('latin1'));
  if (sequence === 1) assert.equal(bytes.length, expected.length);
  assert.equal(client.stream.rstCode, 0);
  client.close();
}

let devices = 0;
function hello(
  change: Readonly<Record<string, JsonInput | undefined>>,
  options: WireOptions = {},
): WireClient {
  devices += 1;
  const client = new WireClient(server, `device-${devices}`, { ...options, hello: change });
  client.plain(FRAME.HELLO, 0, 1, stringifyJson(client.hello));
  return client;
}

const FORGED: JsonInput = {
  serial: 1,
  user_id: 'u',
  device_id: 'd',
  public_key: '00'.repeat(32),
  issuer: '00'.repeat(32),
  issued_at: 1,
  expires_at: 2,
  signature: '00'.repeat(64),
};
const negotiation = (reason: string): string => refusal(`protocol negotiation failed: ${reason}`);
const HELLOS: readonly (readonly [string, Readonly<Record<string, JsonInput | undefined>>, string])[] = [
  [
    'versions that are no array',
    { supported_versions: 'x' },
    negotiation('supported_versions must be an array'),
  ],
  [
    'a version that is no integer',
    { supported_versions: ['a'] },
    negotiation('supported_versions entries must be unsigned integers'),
  ],
  ['no versions', { supported_versions: [] }, negotiation('supported_versions cannot be empty')],
  [
    'a version out of range',
    { supported_versions: [70_000] },
    negotiation('protocol version 70000 out of range'),
  ],
  [
    'foreign versions',
    { supported_versions: [2, 3] },
    negotiation('no common protocol version; peer=[2, 3]; supported=[1]'),
  ],
  [
    'a protocol version that is no integer',
    { supported_versions: undefined, protocol_version: 'x' },
    negotiation('protocol_version must be an unsigned integer'),
  ],
  [
    'a foreign protocol version',
    { supported_versions: undefined, protocol_version: 2 },
    negotiation('unsupported protocol version 2; supported=[1]'),
  ],
  ['an unknown pattern', { pattern: 'NN' }, INVALID],
  ['a pattern in lower case', { pattern: 'xk' }, INVALID],
  ['no device id', { device_id: undefined }, INVALID],
  ['an empty device id', { device_id: '' }, INVALID],
  ['a device id with @', { device_id: 'a@b' }, INVALID],
  ['a long device id', { device_id: 'x'.repeat(129) }, INVALID],
  ['a handshake that is no hex', { handshake: 'zz' }, INVALID],
  ['a short Noise message', { handshake: '00' }, INVALID],
  ['a Noise message for another server', { handshake: '01'.repeat(48) }, INVALID],
  [
    'a Noise message for another server and the wish for a reason',
    { handshake: '01'.repeat(48), capabilities: ['refusal-reason'] },
    reasoned('server_key'),
  ],
  ['a short static key', { client_static: '00' }, INVALID],
  ['no device key', { device_public: undefined }, INVALID],
  ['no proof', { zkp: undefined }, INVALID],
  [
    'a proof that does not hold',
    { zkp: { commitment: '01'.repeat(32), response: '01'.repeat(32) } },
    INVALID,
  ],
  [
    'a proof that does not hold and the wish for a reason',
    { zkp: { commitment: '01'.repeat(32), response: '01'.repeat(32) }, capabilities: ['refusal-reason'] },
    reasoned('proof'),
  ],
  ['a certificate that is null', { certificate: null }, INVALID],
  ['a forged certificate', { certificate: FORGED }, CRYPTO],
  ['nobody named', { user: undefined }, INVALID],
  ['an unknown user id', { user: { id: 'nobody' } }, INVALID],
  ['a long handle', { user: { handle: 'x'.repeat(65) } }, INVALID],
];

for (const [what, change, answer] of HELLOS) {
  test(`given a HELLO with ${what}, then ${answer}`, limits, () => assertRefused(hello(change), 1, answer));
}

test('given AUTH before HELLO, then invalid request', limits, async () => {
  const client = new WireClient(server, 'early');
  client.plain(FRAME.AUTH, 0, 1, '{}');
  await assertRefused(client, 1, INVALID);
});

for (const [what, bytes] of [
  ['an unknown type', Uint8Array.of(5, 0x77, 0, 1, 1, 0)],
  ['an empty body', Uint8Array.of(0)],
  ['a payload that is no JSON', encodeFrame(FRAME.HELLO, 0, 1, utf8('{]'))],
  ['JSON of 128 levels', encodeFrame(FRAME.HELLO, 0, 1, utf8('['.repeat(128) + ']'.repeat(128)))],
  // Refused by its announced length: nothing of the rest is waited for, or kept.
  ['the length of a frame of 32,769 bytes', Uint8Array.of(0x81, 0x80, 0x02)],
  ['an endless varint', new Uint8Array(11).fill(0xff)],
] as const) {
  test(`given ${what} in place of HELLO, then {"error":"decode"}`, limits, async () => {
    const client = new WireClient(server, 'garbage');
    client.write(bytes);
    await assertRefused(client, 1, '{"error":"decode"}');
  });
}

test('given a HELLO deeper than a handshake may be, then it is an invalid request', limits, async () => {
  for (const levels of [17, 127]) {
    const client = new WireClient(server, 'deep');
    client.plain(FRAME.HELLO, 0, 1, '['.repeat(levels) + ']'.repeat(levels));
    await assertRefused(client, 1, INVALID);
  }
});

for (const [what, pattern, type, payload, answer] of [
  ['a message 3 that does not open', 'XK', FRAME.AUTH, '{"handshake":"00"}', CRYPTO],
  ['no message 3', 'XK', FRAME.AUTH, '{}', INVALID],
  ['a message 3 where IK has none', 'IK', FRAME.AUTH, '{"handshake":"00"}', CRYPTO],
  ['JOIN in place of AUTH', 'XK', FRAME.JOIN, '{"members":[]}', INVALID],
] as const) {
  test(`given ${what}, then ${answer}`, limits, async () => {
    const client = hello({}, { pattern });
    assert.equal((await client.next())?.type, FRAME.AUTH);
    client.plain(type, 0, 2, payload);
    await assertRefused(client, 2, answer);
  });
}

test(
  'given a body that ends before AUTH, then nothing more is said and the stream ends in order',
  limits,
  async () => {
    const client = hello({});
    assert.equal((await client.next())?.type, FRAME.AUTH);
    client.stream.end();
    assert.equal(await client.next(), undefined);
    assert.equal(client.stream.rstCode, 0);
    client.close();
  },
);

test(
  'given a server that admits nobody by itself, when a new device comes, then pairing is required',
  limits,
  async () => {
    await using closed = await startRunningServer(['server.auto_approve_devices=false']);
    const client = new WireClient(closed, 'newcomer');
    client.plain(FRAME.HELLO, 0, 1, stringifyJson(client.hello));
    await assertRefused(client, 1, PAIRING);
  },
);

test(
  'given a client that says nothing, when the deadline has passed, then invalid request',
  limits,
  async () => {
    await using hasty = await startRunningServer(['server.handshake_timeout_ms=100']);
    const client = new WireClient(hasty, 'slow');
    await assertRefused(client, 1, INVALID);
  },
);
