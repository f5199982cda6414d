import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { toHex } from '../../src/protocol/bytes.ts';
import { encodeFrame } from '../../src/protocol/frames/frame.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { noiseKeyPair } from '../../src/protocol/identity/keys.ts';
import { until } from '../kit/waiting.ts';
import { Peer, type PeerOptions } from './gateway-peer.ts';
import {
  backend,
  EPOCH,
  json,
  startGateway,
  type TestGateway,
  TOKEN,
  text,
  USER,
} from './gateway-support.ts';

const limits = { timeout: 20_000 };
let gateway: TestGateway;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.close());

/** The ERROR that the gateway answers with, and that the stream ends cleanly behind it. */
async function refusal(peer: Peer, sequence: number): Promise<string> {
  const error = await peer.next();
  assert.equal(error?.type, FRAME.ERROR);
  assert.deepEqual([error.channel, error.sequence], [0, sequence]);
  assert.equal(await peer.next(), undefined);
  assert.ok(peer.resetCode === undefined || peer.resetCode === 0, `reset with ${peer.resetCode}`);
  peer.close();
  return text(error.payload);
}

const INVALID = '{"detail":"invalid request","error":"handshake"}';
const CRYPTO = '{"detail":"crypto failure","error":"handshake"}';

test(
  'given XK, when both sides follow the protocol, then AUTH and ACK say all that PROTOCOL.md lists',
  limits,
  async () => {
    const peer = new Peer(gateway, { hello: { capabilities: ['resume'] } });
    peer.sendHello(41);
    const auth = await peer.next();
    assert.ok(auth);
    assert.deepEqual([auth.type, auth.channel, auth.sequence], [FRAME.AUTH, 41, 1]);
    const { handshake, ...authFields } = JSON.parse(text(auth.payload));
    const newest = gateway.keys[0];
    assert.deepEqual(authFields, {
      device_id: 'device-1',
      protocol_version: 1,
      server_static: toHex(newest.keyPair.publicKey),
      session: TOKEN,
      supported_versions: [1],
    });
    assert.equal(typeof handshake, 'string');
    const snapshot = `{"avatar_url":null,"display_name":"Ada","handle":"ada","id":"${USER.id}","user_id":"${USER.id}"}`;
    assert.equal(
      peer.readAuth(auth),
      `{"domain":"gateway.test","protocol_version":1,"session":"${TOKEN}","user":${snapshot},"user_id":"${USER.id}"}`,
    );
    peer.sendPlain(FRAME.AUTH, 41, 2, json({ handshake: toHex(peer.noise.writeMessage()) }));
    peer.establish();
    const ack = await peer.next();
    assert.ok(ack);
    assert.deepEqual([ack.type, ack.channel, ack.sequence], [FRAME.ACK, 0, 2]);
    const ackText = text(ack.payload);
    assert.match(ackText, /"serial":18446744073709551615/);
    const fields = JSON.parse(ackText);
    assert.deepEqual(Object.keys(fields), [
      'capabilities',
      'certificate',
      'device_ca_public',
      'device_certificate',
      'handshake',
      'keepalive_interval',
      'noise_expires_at',
      'noise_key_version',
      'noise_keys',
      'noise_public',
      'noise_rotates_at',
      'pairing_required',
      'resume',
      'session',
      'ticket',
      'user',
      'user_id',
    ]);
    assert.equal(fields.handshake, 'ok');
    assert.equal(fields.keepalive_interval, 30);
    assert.deepEqual(fields.capabilities, ['resume']);
    assert.deepEqual(fields.resume, {
      received: 7,
      epoch: EPOCH,
      refused: [{ error: 'mailbox_full', sequence: 5 }],
    });
    assert.deepEqual(
      [fields.noise_key_version, fields.noise_rotates_at, fields.noise_expires_at],
      [2, '2025-01-02T01:00:00+00:00', '2025-01-02T02:00:00.500+00:00'],
    );
    assert.deepEqual(Object.keys(fields.certificate), ['expires_at', 'issued_at', 'serial']);
    peer.send(FRAME.MSG, 4, 3, new Uint8Array([1, 2, 3]));
    const reply = await peer.next();
    assert.deepEqual(reply && [reply.type, reply.channel, text(reply.payload)], [FRAME.ACK, 4, '{"ack":3}']);
    peer.close();
  },
);

for (const [name, auth] of [
  ['absent', {}],
  ['empty', { handshake: '' }],
] as const) {
  test(
    `given IK, when the client's AUTH has its handshake ${name}, then the session is established`,
    limits,
    async () => {
      const peer = new Peer(gateway, { pattern: 'IK' });
      peer.sendHello();
      await peer.answerAuth(auth);
      peer.establish();
      const ack = await peer.next();
      assert.equal(ack?.type, FRAME.ACK);
      peer.send(FRAME.MSG, 1, 3, new Uint8Array(1));
      assert.equal((await peer.next())?.type, FRAME.ACK);
      peer.close();
    },
  );
}

test(
  'given a client that knows an older Noise key, when it connects, then that key serves the session',
  limits,
  async () => {
    const older = gateway.keys[1];
    assert.ok(older);
    const peer = new Peer(gateway, { serverStatic: older.keyPair.publicKey });
    const ack = JSON.parse(text((await peer.connect()).payload));
    assert.equal(ack.noise_key_version, 1);
    assert.equal(ack.noise_public, toHex(older.keyPair.publicKey));
    peer.close();
  },
);

test(
  'given AUTH and a record in one write, when the server reads them, then the record is not lost',
  limits,
  async () => {
    const peer = new Peer(gateway);
    peer.sendHello();
    const auth = await peer.next();
    assert.ok(auth);
    peer.readAuth(auth);
    const third = encodeFrame(FRAME.AUTH, 0, 2, json({ handshake: toHex(peer.noise.writeMessage()) }));
    peer.establish();
    peer.write(Buffer.concat([third, peer.record(encodeFrame(FRAME.MSG, 6, 3, new Uint8Array(2)))]));
    assert.equal((await peer.next())?.type, FRAME.ACK);
    const reply = await peer.next();
    assert.deepEqual(reply && [reply.channel, text(reply.payload)], [6, '{"ack":3}']);
    peer.close();
  },
);

const hellos: readonly (readonly [string, PeerOptions, string])[] = [
  ['a missing field', { hello: { pattern: undefined } }, INVALID],
  ['a device id with @', { hello: { device_id: 'a@b' } }, INVALID],
  ['a proof for another device id', { hello: { device_id: 'device-2' } }, INVALID],
  [
    'a handshake for another server key',
    { serverStatic: noiseKeyPair(backend, new Uint8Array(32).fill(3)).publicKey },
    INVALID,
  ],
  ['a malformed certificate', { hello: { certificate: null } }, INVALID],
  [
    'a version that nobody speaks',
    { hello: { supported_versions: [2] } },
    '{"detail":"protocol negotiation failed: no common protocol version; peer=[2]; supported=[1]","error":"handshake"}',
  ],
  [
    'IK with a foreign static key',
    { pattern: 'IK', noiseStatic: noiseKeyPair(backend, new Uint8Array(32).fill(8)) },
    INVALID,
  ],
];
for (const [name, options, expected] of hellos) {
  test(
    `given a HELLO with ${name}, when it arrives, then ERROR 1 and a clean end, and the relay hears nothing`,
    limits,
    async () => {
      const heard = gateway.relay.hellos.length;
      const peer = new Peer(gateway, options);
      peer.sendHello();
      assert.equal(await refusal(peer, 1), expected);
      assert.equal(gateway.relay.hellos.length, heard);
    },
  );
}

const firstBytes: readonly (readonly [string, Uint8Array, string])[] = [
  ['a frame other than HELLO', encodeFrame(FRAME.JOIN, 0, 1, json({})), INVALID],
  ['an opaque frame', encodeFrame(FRAME.MSG, 0, 1, new Uint8Array([1])), INVALID],
  ['an unknown frame type', new Uint8Array([4, 0x7f, 0, 1, 0]), '{"error":"decode"}'],
  ['a HELLO that is not JSON', encodeFrame(FRAME.HELLO, 0, 1, new Uint8Array([123])), '{"error":"decode"}'],
  ['a frame of length zero', new Uint8Array([0]), '{"error":"decode"}'],
  ['a frame above every limit', new Uint8Array([0x81, 0x80, 0x80, 0x08]), '{"error":"decode"}'],
];
for (const [name, bytes, expected] of firstBytes) {
  test(
    `given ${name} as the first bytes, when they arrive, then ERROR 1 and a clean end`,
    limits,
    async () => {
      const peer = new Peer(gateway);
      peer.write(bytes);
      assert.equal(await refusal(peer, 1), expected);
    },
  );
}

const auths: readonly (readonly [string, (peer: Peer) => void, string])[] = [
  ['another HELLO', (peer) => peer.sendHello(), INVALID],
  ['no handshake in AUTH', (peer) => peer.sendPlain(FRAME.AUTH, 0, 2, json({})), INVALID],
  ['an empty message 3', (peer) => peer.sendPlain(FRAME.AUTH, 0, 2, json({ handshake: '' })), CRYPTO],
  [
    'a wrong message 3',
    (peer) => peer.sendPlain(FRAME.AUTH, 0, 2, json({ handshake: '00'.repeat(64) })),
    CRYPTO,
  ],
  ['bytes that are no frame', (peer) => peer.write(new Uint8Array([1, 0x55])), '{"error":"decode"}'],
];
for (const [name, answer, expected] of auths) {
  test(
    `given ${name} behind AUTH, when it arrives, then ERROR 2 and the relay forgets the session`,
    limits,
    async () => {
      const peer = new Peer(gateway);
      peer.sendHello();
      assert.equal((await peer.next())?.type, FRAME.AUTH);
      const { session } = gateway.relay.hellos.at(-1) ?? assert.fail('no HELLO');
      answer(peer);
      assert.equal(await refusal(peer, 2), expected);
      await until(() => gateway.relay.ends.some((end) => end.session === session));
      assert.equal(gateway.relay.ends.filter((end) => end.session === session).length, 1);
    },
  );
}

test(
  'given a proof for a key that is not the Noise key, when message 3 shows it, then ERROR invalid request',
  limits,
  async () => {
    const peer = new Peer(gateway, { noiseStatic: noiseKeyPair(backend, new Uint8Array(32).fill(8)) });
    peer.sendHello();
    await peer.answerAuth();
    assert.equal(await refusal(peer, 2), INVALID);
  },
);

for (const [refused, expected] of [
  ['invalid request', INVALID],
  ['crypto failure', CRYPTO],
  ['storage failure', '{"detail":"storage failure","error":"handshake"}'],
  [
    'pairing required',
    '{"detail":"pairing required","error":"handshake","pairing_required":true,"title":"PairingRequired"}',
  ],
] as const) {
  test(
    `given a relay that refuses with ${refused}, when it is asked, then the peer reads the reference's answer`,
    limits,
    async () => {
      const { relay } = gateway;
      const { resolution } = relay;
      relay.resolution = async () => ({ ok: false, refusal: refused, reason: 'test' });
      const early = new Peer(gateway);
      early.sendHello();
      assert.equal(await refusal(early, 1), expected);
      relay.resolution = resolution;
      relay.refusal = { ok: false, refusal: refused, reason: 'test' };
      const late = new Peer(gateway);
      late.sendHello();
      await late.answerAuth();
      assert.equal(await refusal(late, 2), expected);
      relay.refusal = undefined;
    },
  );
}

test('given a relay that fails, when it is asked, then ERROR storage failure', limits, async () => {
  const { relay } = gateway;
  const { resolution } = relay;
  relay.resolution = () => Promise.reject(new Error('broken'));
  const peer = new Peer(gateway);
  peer.sendHello();
  assert.equal(await refusal(peer, 1), '{"detail":"storage failure","error":"handshake"}');
  relay.resolution = resolution;
});

test(
  'given a HELLO in pieces of one byte, when the last one arrives, then AUTH follows',
  limits,
  async () => {
    const peer = new Peer(gateway);
    for (const byte of encodeFrame(FRAME.HELLO, 0, 1, json(peer.helloJson))) {
      peer.write(new Uint8Array([byte]));
    }
    assert.equal((await peer.next())?.type, FRAME.AUTH);
    peer.close();
  },
);

test(
  'given a client that ends its body early, when the handshake is not done, then nothing is said',
  limits,
  async () => {
    const peer = new Peer(gateway);
    peer.stream.end();
    assert.equal(await peer.next(), undefined);
    peer.close();
  },
);

test(
  'given a client that vanishes while the relay thinks, when the answer comes, then it hurts nobody',
  limits,
  async () => {
    const { relay } = gateway;
    const { resolution } = relay;
    let answer = (): void => undefined;
    relay.resolution = () =>
      new Promise((resolve) => {
        answer = () => resolve({ ok: true, sessionToken: TOKEN, user: USER });
      });
    const peer = new Peer(gateway);
    const heard = relay.hellos.length;
    peer.sendHello();
    await until(() => relay.hellos.length > heard);
    const { session } = relay.hellos.at(-1) ?? assert.fail('no HELLO');
    peer.close();
    await until(() => relay.ends.some((end) => end.session === session));
    answer();
    relay.resolution = resolution;
    const next = new Peer(gateway);
    assert.equal((await next.connect()).type, FRAME.ACK);
    assert.equal(relay.ends.filter((end) => end.session === session).length, 1);
    next.close();
  },
);
