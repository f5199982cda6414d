import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createSecureServer, type ServerHttp2Session } from 'node:http2';
import { test } from 'node:test';
import type { Client } from '../../src/client/client.ts';
import { deviceStateFromJson, deviceStateToJson } from '../../src/client/device/device-store.ts';
import { ClientError, type ClientErrorCode, connect } from '../../src/client/index.ts';
import {
  errorPayload,
  handshakeErrorPayload,
  pairingRequiredPayload,
} from '../../src/protocol/frames/errors.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { until } from '../kit/waiting.ts';
import { startTestServer } from './client-support.ts';
import { finish, type World, world } from './client-world.ts';

/** What somebody answers who is not the server, or not for long. */
const ANSWERS: readonly {
  readonly code: ClientErrorCode;
  readonly begin: (world: World) => void;
}[] = [
  ...[403, 404, 401, 302].map((status) => ({
    code: 'CLIENT_HTTP' as const,
    begin: ({ network }: World) => {
      network.refuse = new ClientError('CLIENT_HTTP', `HTTP status ${status}`);
    },
  })),
  {
    code: 'CLIENT_TLS',
    begin: ({ network }) => {
      network.refuse = new ClientError('CLIENT_TLS', 'another certificate');
    },
  },
  {
    code: 'CLIENT_HANDSHAKE_REFUSED',
    begin: ({ server }) => {
      server.refusal = handshakeErrorPayload('invalid request');
    },
  },
  {
    code: 'CLIENT_DEVICE_TAKEN',
    begin: ({ server }) => {
      server.refusal = handshakeErrorPayload('invalid request', 'device_id');
    },
  },
  {
    code: 'CLIENT_PAIRING_REQUIRED',
    begin: ({ server }) => {
      server.refusal = pairingRequiredPayload();
    },
  },
  {
    code: 'CLIENT_SERVER_KEY',
    begin: ({ server }) => {
      server.editAuth = (auth) => ({ ...auth, handshake: '5a'.repeat(200) });
    },
  },
  {
    code: 'CLIENT_CERTIFICATE',
    begin: ({ server }) => {
      server.editAck = (ack) => ({ ...ack, device_ca_public: '11'.repeat(32) });
    },
  },
];

/** Nobody answers wrongly any more. */
function mend({ network, server }: World): void {
  network.refuse = undefined;
  server.refusal = undefined;
  server.editAuth = (auth) => auth;
  server.editAck = (ack) => ack;
}

function delaysOf(client: Client): { readonly codes: string[]; readonly delays: number[] } {
  const codes: string[] = [];
  const delays: number[] = [];
  client.on('disconnected', ({ reason, delay }) => {
    codes.push(reason.code);
    delays.push(delay ?? -1);
  });
  return { codes, delays };
}

for (const { code, begin } of ANSWERS) {
  test(`given a device that was in before, when ${code} is answered for a while, then it goes on trying with growing delays and comes back`, async () => {
    const created = world();
    const client = await created.connected({ reconnect: {} });
    begin(created);
    const { codes, delays } = delaysOf(client);
    created.network.cut();
    await created.clock.until(() => delays.length === 16);
    assert.deepEqual(new Set(codes.slice(1)), new Set([code]));
    // The first one is that of the break.
    for (const [attempt, delay] of delays.slice(1).entries()) {
      const bound = Math.min(600_000, 250 * 2 ** attempt);
      assert.ok(delay >= bound / 2 && delay <= bound, `attempt ${attempt}: ${delay} ms`);
    }
    const sent = client.send(7, 'later').catch((error: ClientError) => error.wire?.error);
    mend(created);
    await created.clock.until(() => client.state === 'connected');
    assert.equal(await finish(created.clock, sent), 'unknown_channel');
    await finish(created.clock, client.close());
  });

  test(`given a device that was never in, when ${code} is answered, then the client ends with it`, async () => {
    const created = world();
    begin(created);
    if (code === 'CLIENT_CERTIFICATE') created.server.editAck = (ack) => ({ ...ack, device_certificate: 5 });
    await assert.rejects(finish(created.clock, created.client().connect()), { code });
  });
}

test('given a program that starts again behind a portal, when it may wait for its first connection, then it does', async () => {
  const created = world();
  await finish(created.clock, (await created.connected()).close());
  created.network.refuse = new ClientError('CLIENT_TLS', 'portal');
  const impatient = created.client({ reconnect: {} });
  await assert.rejects(finish(created.clock, impatient.connect()), { code: 'CLIENT_TLS' });
  const patient = created.client();
  const connected = patient.connect();
  await created.clock.advance(60_000);
  assert.equal(patient.state, 'connecting');
  mend(created);
  await finish(created.clock, connected);
});

for (const [wire, code] of [
  ['replaced', 'CLIENT_REPLACED'],
  ['revoked', 'CLIENT_REVOKED'],
] as const) {
  test(`given a session, when the server says in it that the device was ${wire}, then the client ends`, async () => {
    const { clock, server, connected } = world();
    const client = await connected();
    const ends: unknown[] = [];
    client.on('closed', ({ error }) => ends.push(error?.code));
    for (const session of server.sessions) {
      session.send(FRAME.ERROR, 0, 0, errorPayload(wire, 'simulated'));
      session.drop();
    }
    await clock.until(() => client.state === 'closed');
    assert.deepEqual(ends, [code]);
  });
}

test('given a server that asks for a time to wait, when it is short or absurd, then no attempt comes before it, none much later than ten minutes, and no two clients come together', async () => {
  for (const [asked, least] of [
    [1000, 1000],
    [5000, 5000],
    [2_592_000_000, 600_000],
    [Number.POSITIVE_INFINITY, 600_000],
  ] as const) {
    const seen = new Set<number>();
    for (const seed of [1, 2, 3, 4, 5]) {
      const created = world([], seed);
      created.network.refuse = new ClientError('CLIENT_HTTP', 'busy', {
        retryable: true,
        retryAfterMs: asked,
      });
      const client = created.client({ reconnect: { first: true } });
      const { delays } = delaysOf(client);
      client.connect().catch(() => undefined);
      await created.clock.until(() => delays.length === 3);
      for (const delay of delays) {
        assert.ok(delay >= least && delay < least + Math.max(1000, least / 10), `${asked}: ${delay}`);
        seen.add(delay);
      }
    }
    assert.ok(seen.size > 10, `${seen.size} different delays`);
  }
});

test('given a server that lets everybody in and stores nothing, when a client has something to send, then its delays grow all the same', async () => {
  const { clock, server, network, connected } = world();
  const client = await connected({ reconnect: { initialDelay: 250, maxDelay: 30_000 } });
  await finish(clock, client.join(7));
  server.refuse = () => 'storage';
  const { delays } = delaysOf(client);
  const sent = client.send(7, 'a');
  const before = network.opened;
  await clock.advance(20_000);
  assert.ok(network.opened - before < 20, `${network.opened - before} connections in 20 s`);
  assert.ok(server.joins.length > 1, 'its JOINs were acknowledged all the time');
  await clock.until(() => delays.length === 20);
  assert.ok(Math.max(...delays) > 10_000);
  server.refuse = () => undefined;
  await finish(clock, sent);
  // Something was achieved: the delays start over.
  network.cut();
  await clock.until(() => delays.length > 20);
  assert.ok((delays.at(-1) ?? 0) <= 250);
});

test('given tickets in the ACKs, when the client comes back, also as another process, then it shows the newest that can be shown', async () => {
  const created = world();
  const { clock, server, network, store, connected } = created;
  const client = await connected();
  const given = ['one', 'two_-2', undefined, 'no ticket\r\nx: y', '', 'x'.repeat(129), 'three'];
  for (const ticket of given) {
    server.editAck = (ack) => ({ ...ack, ticket });
    const { opened } = network;
    network.cut();
    await clock.until(() => network.opened === opened + 1 && client.state === 'connected');
  }
  await finish(clock, client.close());
  const state = await store.load();
  assert.ok(state);
  store.save(deviceStateFromJson(deviceStateToJson(state)));
  await connected();
  const [two] = given.slice(1);
  assert.deepEqual(network.tickets, [undefined, undefined, 'one', two, two, two, two, two, 'three']);
});

test('given a real session, when a portal with another certificate and then a proxy with 404 answer in its place, then the client is back once the server is', {
  timeout: 30_000,
}, async () => {
  const server = await startTestServer(['server.auto_approve_devices=true']);
  const client = await connect({
    ...server.newDevice('alice'),
    reconnect: { initialDelay: 10, maxDelay: 50 },
  });
  const codes = new Set<string>();
  client.on('disconnected', ({ reason }) => codes.add(reason.code));
  await server.stop();
  const stranger = await startTestServer();
  const portal = stranger.tls;
  await stranger.close();
  for (const [identity, code] of [
    [portal, 'CLIENT_TLS'],
    [server.tls, 'CLIENT_HTTP'],
  ] as const) {
    const sessions = new Set<ServerHttp2Session>();
    const proxy = createSecureServer(identity);
    proxy.on('session', (session) => sessions.add(session));
    proxy.on('stream', (stream) => {
      stream.on('error', () => undefined);
      stream.respond({ ':status': 404 });
      stream.end('not here');
    });
    proxy.listen(server.port, '127.0.0.1');
    await once(proxy, 'listening');
    await until(() => codes.has(code));
    for (const session of sessions) session.destroy();
    proxy.close();
    await once(proxy, 'close');
  }
  await server.start();
  await until(() => client.state === 'connected');
  await client.close();
  await server.close();
});
