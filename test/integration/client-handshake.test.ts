import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client } from '../../src/client/client.ts';
import type { ClientOptions } from '../../src/client/client-options.ts';
import {
  ClientError,
  type ClientErrorCode,
  createDevice,
  MemoryDeviceStore,
} from '../../src/client/index.ts';
import { toHex } from '../../src/protocol/bytes.ts';
import {
  decodeErrorPayload,
  handshakeErrorPayload,
  pairingRequiredPayload,
} from '../../src/protocol/frames/errors.ts';
import { certificateToJson, issueCertificate } from '../../src/protocol/identity/certificate.ts';
import { deriveAuthorityKey } from '../../src/protocol/identity/keys.ts';
import type { JsonInput } from '../../src/protocol/json/json.ts';
import { Scheduler } from '../kit/scheduler.ts';
import { seededRandom } from '../kit/seeded-random.ts';
import { SimulatedNetwork } from './simulated-network.ts';
import { backend, DOMAIN, SERVER_STATIC, SimulatedServer } from './simulated-server.ts';

interface Setting {
  readonly clock: Scheduler;
  readonly server: SimulatedServer;
  readonly network: SimulatedNetwork;
  readonly store: MemoryDeviceStore;
  client(options?: Partial<ClientOptions>): Client;
}

function setting(): Setting {
  const clock = new Scheduler();
  const server = new SimulatedServer(clock);
  const network = new SimulatedNetwork(clock, server);
  const store = new MemoryDeviceStore(createDevice({ deviceId: 'device-1' }));
  const client = (options: Partial<ClientOptions> = {}): Client =>
    new Client({
      transport: network,
      clock,
      random: seededRandom('client 1'),
      backend,
      domain: DOMAIN,
      serverStatic: SERVER_STATIC,
      store,
      ...options,
    });
  return { clock, server, network, store, client };
}

/** Connects and returns the error that it fails with. */
async function failureOf(
  { clock, client: create }: Setting,
  options: Partial<ClientOptions> = {},
): Promise<ClientError> {
  const client = create(options);
  let failure: unknown;
  client.connect().then(
    () => assert.fail('connected'),
    (error: unknown) => {
      failure = error;
    },
  );
  await clock.until(() => failure !== undefined, 'the failure');
  assert.ok(failure instanceof ClientError);
  assert.equal(client.state, 'closed');
  await assert.rejects(client.send(1, 'x'), { code: failure.code });
  return failure;
}

const foreign = deriveAuthorityKey(backend, new Uint8Array(32).fill(77));

/** The certificate of the ACK, signed for other facts. */
function forged(
  change: Partial<Parameters<typeof issueCertificate>[1]>,
  store: MemoryDeviceStore,
  server: SimulatedServer,
) {
  return async (): Promise<JsonInput> => {
    const state = await store.load();
    assert.ok(state);
    const now = Math.floor(server.clock.now() / 1000);
    const fields = {
      serial: 1n,
      userId: 'user',
      deviceId: 'device-1',
      publicKey: state.device.publicKey,
      issuedAt: now,
      expiresAt: now + 60,
      ...change,
    };
    return certificateToJson(issueCertificate(backend.ed25519Signer(server.authority.privateKey), fields));
  };
}

interface Case {
  readonly name: string;
  readonly arrange: (setting: Setting) => void | Promise<void>;
  readonly options?: Partial<ClientOptions>;
  readonly code: ClientErrorCode;
}

const CASES: readonly Case[] = [
  {
    name: 'the server refuses the HELLO',
    arrange: ({ server }) => {
      server.refusal = handshakeErrorPayload('invalid request');
    },
    code: 'CLIENT_HANDSHAKE_REFUSED',
  },
  {
    name: 'the server says that its key is another one',
    arrange: ({ server }) => {
      server.refusal = handshakeErrorPayload('invalid request', 'server_key');
    },
    code: 'CLIENT_SERVER_KEY',
  },
  {
    name: 'the server says that the proof does not hold',
    arrange: ({ server }) => {
      server.refusal = handshakeErrorPayload('invalid request', 'proof');
    },
    code: 'CLIENT_SERVER_KEY',
  },
  {
    name: 'the server says that the device id is another device’s',
    arrange: ({ server }) => {
      server.refusal = handshakeErrorPayload('invalid request', 'device_id');
    },
    code: 'CLIENT_DEVICE_TAKEN',
  },
  {
    name: 'the device must be paired',
    arrange: ({ server }) => {
      server.refusal = pairingRequiredPayload();
    },
    code: 'CLIENT_PAIRING_REQUIRED',
  },
  {
    name: 'the server cannot read the HELLO',
    arrange: ({ server }) => {
      server.refusal = decodeErrorPayload();
    },
    code: 'CLIENT_HANDSHAKE_REFUSED',
  },
  {
    name: 'the server names another Noise key',
    arrange: ({ server }) => {
      server.editAuth = (auth) => ({ ...auth, server_static: toHex(foreign.publicKey) });
    },
    code: 'CLIENT_SERVER_KEY',
  },
  {
    name: 'somebody without the Noise key makes up message 2',
    arrange: ({ server }) => {
      server.editAuth = (auth) => ({ ...auth, handshake: '5a'.repeat(200) });
    },
    code: 'CLIENT_SERVER_KEY',
  },
  {
    name: 'the server answers for another device',
    arrange: ({ server }) => {
      server.editAuth = (auth) => ({ ...auth, device_id: 'device-2' });
    },
    code: 'CLIENT_PROTOCOL',
  },
  {
    name: 'the server proves another domain',
    arrange: ({ server }) => {
      server.domain = 'Simulated.test';
    },
    code: 'CLIENT_SERVER_KEY',
  },
  {
    name: 'another authority than the pinned one signs',
    arrange: async ({ store }) => {
      const state = await store.load();
      assert.ok(state);
      store.save({ ...state, authority: foreign.publicKey });
    },
    code: 'CLIENT_CERTIFICATE',
  },
  {
    name: 'the certificate does not fit its authority',
    arrange: ({ server }) => {
      server.editAck = (ack) => ({ ...ack, device_ca_public: toHex(foreign.publicKey) });
    },
    code: 'CLIENT_CERTIFICATE',
  },
  {
    name: 'the certificate is for another key',
    arrange: async ({ server, store }) => {
      const certificate = await forged({ publicKey: foreign.publicKey }, store, server)();
      server.editAck = (ack) => ({ ...ack, device_certificate: certificate });
    },
    code: 'CLIENT_CERTIFICATE',
  },
  {
    name: 'the certificate is for another user',
    arrange: async ({ server, store }) => {
      const certificate = await forged({ userId: 'somebody' }, store, server)();
      server.editAck = (ack) => ({ ...ack, device_certificate: certificate });
    },
    code: 'CLIENT_CERTIFICATE',
  },
  {
    name: 'the ACK names another session than Noise carried',
    arrange: ({ server }) => {
      server.editAck = (ack) => ({ ...ack, session: 'other' });
    },
    code: 'CLIENT_SERVER_KEY',
  },
  {
    name: 'the ACK is none',
    arrange: ({ server }) => {
      server.editAck = () => ({ ack: 1 });
    },
    code: 'CLIENT_PROTOCOL',
  },
  {
    name: 'the network refuses',
    arrange: ({ network }) => {
      network.refuse = new Error('ECONNREFUSED');
    },
    code: 'CLIENT_TRANSPORT',
  },
  {
    name: 'connecting hangs',
    arrange: ({ network }) => {
      network.hang = true;
    },
    code: 'CLIENT_TIMEOUT',
  },
  {
    name: 'the server does not answer',
    arrange: ({ server }) => {
      server.silent = true;
    },
    code: 'CLIENT_TIMEOUT',
  },
  {
    name: 'the store is empty',
    arrange: () => undefined,
    options: { store: new MemoryDeviceStore() },
    code: 'CLIENT_OPTIONS',
  },
];

for (const { name, arrange, options, code } of CASES) {
  test(`given that ${name}, when a client connects, then it fails with ${code}`, async () => {
    const created = setting();
    await arrange(created);
    const failure = await failureOf(created, options);
    assert.equal(failure.code, code);
    assert.ok(created.network.opened <= 1);
  });
}

test('given a server key that is not the expected one, when XK or IK starts, then the client sends nothing behind the HELLO', async () => {
  for (const pattern of ['XK', 'IK'] as const) {
    const created = setting();
    const failure = await failureOf(created, { pattern, serverStatic: foreign.publicKey });
    assert.equal(failure.code, 'CLIENT_HANDSHAKE_REFUSED');
    assert.equal(created.network.writes.length, 1);
  }
});

test('given any clock, when the dates of the certificate do not fit it, then the client connects and sends no certificate', async () => {
  for (const [issuedAt, expiresAt] of [
    [1, 2],
    [4_000_000_000, 4_100_000_000],
  ] as const) {
    const created = setting();
    const certificate = await forged({ issuedAt, expiresAt }, created.store, created.server)();
    created.server.editAck = (ack) => ({ ...ack, device_certificate: certificate });
    for (let life = 0; life < 2; life += 1) {
      const client = created.client();
      void client.connect();
      await created.clock.until(() => client.state === 'connected');
      const closed = client.close();
      await created.clock.until(() => client.state === 'closed');
      await closed;
    }
    const state = await created.store.load();
    assert.equal(state?.device.certificate?.expiresAt, expiresAt);
    assert.deepEqual(created.server.certificates, [undefined, undefined]);
  }
});

test('given a storage failure of the server, when a known client comes back, then it tries until it is let in', async () => {
  const { clock, server, network, client: create } = setting();
  const client = create();
  void client.connect();
  await clock.until(() => client.state === 'connected');
  server.refusal = handshakeErrorPayload('storage failure');
  const delays: number[] = [];
  client.on('disconnected', ({ delay }) => delays.push(delay ?? -1));
  network.cut();
  await clock.until(() => delays.length === 9);
  server.refusal = undefined;
  await clock.until(() => client.state === 'connected');
  assert.equal(client.state, 'connected');
  for (const [attempt, delay] of delays.entries()) {
    assert.ok(delay >= 0 && delay <= Math.min(30_000, 250 * 2 ** attempt));
  }
});

test('given reconnect false, when the connection breaks, then the client ends', async () => {
  const { clock, network, client: create } = setting();
  const client = create({ reconnect: false });
  void client.connect();
  await clock.until(() => client.state === 'connected');
  const messages = assert.rejects(client.messages().next(), { code: 'CLIENT_TRANSPORT' });
  network.cut();
  await clock.until(() => client.state === 'closed');
  await messages;
});

test('given an AbortSignal, when it is aborted at any time, then the client ends at once', async () => {
  const early = setting();
  const failure = await failureOf(early, { signal: AbortSignal.abort() });
  assert.deepEqual([failure.code, early.network.opened], ['CLIENT_ABORTED', 0]);
  const { clock, client: create } = setting();
  const abort = new AbortController();
  const client = create({ signal: abort.signal });
  void client.connect();
  await clock.until(() => client.state === 'connected');
  const sent = assert.rejects(client.send(1, 'x'), { code: 'CLIENT_ABORTED' });
  abort.abort();
  await sent;
  assert.equal(client.state, 'closed');
});

test('given a first connection, when it is established, then authority, user and certificate are kept and used', async () => {
  const { clock, server, store, client: create } = setting();
  const client = create();
  void client.connect();
  await clock.until(() => client.state === 'connected');
  const state = await store.load();
  assert.deepEqual(state?.authority, server.authority.publicKey);
  assert.equal(state?.device.userId, 'user');
  assert.equal(state?.device.certificate?.deviceId, 'device-1');
});
