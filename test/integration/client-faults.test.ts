import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ClientOptions } from '../../src/client/client-options.ts';
import {
  ClientError,
  type ClientErrorCode,
  createDevice,
  type DeviceStore,
  MemoryDeviceStore,
  newDeviceState,
  type Transport,
} from '../../src/client/index.ts';
import type { JsonInput } from '../../src/protocol/json/json.ts';
import { systemRandom } from '../../src/system/index.ts';
import { finish, type World, world } from './client-world.ts';
import { backend } from './simulated-server.ts';

/** What would have taken the process down. */
const uncaught: unknown[] = [];
const note = (error: unknown): void => {
  uncaught.push(error);
};
before(() => {
  process.on('unhandledRejection', note);
  process.on('uncaughtException', note);
});
after(() => {
  process.off('unhandledRejection', note);
  process.off('uncaughtException', note);
});

/** The network of the world with one of its parts changed. */
function changed(
  { network }: World,
  change: (opened: Awaited<ReturnType<Transport['open']>>) => object,
): Transport {
  return {
    open: async (receiver, signal) => {
      const opened = await network.open(receiver, signal);
      return Object.assign(opened, change(opened));
    },
  };
}

const broken = (): never => {
  throw new RangeError('broken');
};
const device = createDevice({ deviceId: 'device-1' });

interface Fault {
  readonly name: string;
  readonly code: ClientErrorCode;
  readonly options: (world: World) => Partial<ClientOptions>;
}

const FAULTS: readonly Fault[] = [
  {
    name: 'a transport that throws',
    code: 'CLIENT_TRANSPORT',
    options: () => ({ transport: { open: broken } }),
  },
  {
    name: 'a transport that rejects with no error at all',
    code: 'CLIENT_TRANSPORT',
    options: () => ({ transport: { open: () => Promise.reject('nothing') } }),
  },
  {
    name: 'a connection that cannot be written to',
    code: 'CLIENT_TRANSPORT',
    options: (created) => ({ transport: changed(created, () => ({ write: broken })) }),
  },
  {
    name: 'a random source that fails in the middle of the HELLO',
    code: 'CLIENT_TRANSPORT',
    options: () => ({
      random: { bytes: (length) => (length === 64 ? broken() : systemRandom.bytes(length)) },
    }),
  },
  {
    name: 'a cryptographic backend that fails while keys are derived',
    code: 'CLIENT_OPTIONS',
    options: () => ({ backend: { ...backend, x25519: backend.x25519, x25519Public: broken } }),
  },
  {
    name: 'a store that throws',
    code: 'CLIENT_STORE',
    options: () => ({ store: { load: broken, save: () => undefined } }),
  },
  {
    name: 'a store that rejects',
    code: 'CLIENT_STORE',
    options: () => ({ store: { load: () => Promise.reject(new Error('EIO')), save: () => undefined } }),
  },
  {
    name: 'a device whose keys do not belong together',
    code: 'CLIENT_OPTIONS',
    options: () => ({ store: new MemoryDeviceStore({ ...device, publicKey: new Uint8Array(32).fill(7) }) }),
  },
  {
    name: 'a device whose key is cut',
    code: 'CLIENT_OPTIONS',
    options: () => ({
      store: new MemoryDeviceStore({ ...device, privateKey: device.privateKey.subarray(1) }),
    }),
  },
];

for (const { name, code, options } of FAULTS) {
  test(`given ${name}, when a client connects, then its promise is rejected with ${code} and nothing else happens`, async () => {
    const created = world();
    const client = created.client({ reconnect: false, ...options(created) });
    const ends: (string | undefined)[] = [];
    client.on('closed', ({ error }) => ends.push(error?.code));
    await assert.rejects(finish(created.clock, client.connect()), (error) => {
      assert.ok(error instanceof ClientError);
      assert.equal(error.code, code);
      return true;
    });
    assert.deepEqual([client.state, ends, uncaught], ['closed', [code], []]);
    await client.close();
  });
}

test('given serverStatic that is no point anybody has a secret for, when a client is made, then the option is named', () => {
  const { client: create } = world();
  for (const first of [0, 1]) {
    const key = new Uint8Array(32);
    key[0] = first;
    assert.throws(() => create({ serverStatic: key }), { code: 'CLIENT_OPTIONS', message: /serverStatic/ });
  }
  assert.throws(() => create({ serverStatic: 'zz'.repeat(32) }), { code: 'CLIENT_OPTIONS' });
  assert.throws(() => create({ maxUnacknowledged: { frames: 257 } }), { code: 'CLIENT_OPTIONS' });
  assert.throws(() => create({ maxUnacknowledged: { frames: Number.NaN } }), { code: 'CLIENT_OPTIONS' });
});

test('given a session, when writing to it or beginning the next one throws, then the client says so and comes back', async () => {
  const created = world();
  let failing = false;
  let dials = 0;
  const inner = changed(created, (opened) => {
    const write = opened.write.bind(opened);
    return { write: (bytes: Uint8Array) => (failing ? broken() : write(bytes)) };
  });
  const transport: Transport = {
    open: (receiver, signal) => {
      dials += 1;
      if (dials === 3) broken();
      return inner.open(receiver, signal);
    },
  };
  const client = await created.connected({ transport });
  const reasons: string[] = [];
  client.on('disconnected', ({ reason, willRetry }) => reasons.push(`${reason.code} ${willRetry}`));
  failing = true;
  const sent = Promise.all([client.join(7), client.send(7, 'a')]);
  await created.clock.until(() => reasons.length === 3);
  failing = false;
  await finish(created.clock, sent);
  assert.deepEqual(
    reasons,
    Array.from({ length: 3 }, () => 'CLIENT_TRANSPORT true'),
  );
  assert.deepEqual(
    created.server.log.map(({ text }) => text),
    ['a'],
  );
  assert.deepEqual(uncaught, []);
});

test('given a store that fails whenever it is written, when messages come and go, then it is an event and the session goes on', async () => {
  const { clock, server, connected } = world();
  for (const save of [broken, () => Promise.reject(new Error('full'))]) {
    const store: DeviceStore = { load: async () => newDeviceState(device), save };
    const client = await connected({ store });
    const codes = new Set<string>();
    client.on('error', ({ code }) => codes.add(code));
    client.on('message', () => undefined);
    server.deliver('one');
    await finish(clock, Promise.all([client.join(7), client.send(7, 'a')]));
    await clock.until(() => codes.size > 0);
    assert.deepEqual([[...codes], client.state, server.confirmations], [['CLIENT_STORE'], 'connected', []]);
    await finish(clock, client.close());
  }
  assert.deepEqual(uncaught, []);
});

test('given what no type checker has seen, when it is sent, then the promise is rejected and nothing is thrown', async () => {
  const { connected } = world();
  const client = await connected();
  const endless: Record<string, unknown> = {};
  endless.self = endless;
  for (const value of [endless, { n: Number.NaN }, [Number.POSITIVE_INFINITY]] as JsonInput[]) {
    for (const call of [
      client.keyUpdate,
      client.groupEvent,
      client.callOffer,
      client.callEnd,
      client.callAnswer,
    ]) {
      await assert.rejects(call.call(client, 7, value), { code: 'CLIENT_OPTIONS' });
    }
  }
  for (const content of [undefined, null, 5, {}, [1]]) {
    await assert.rejects(client.send(7, content as string), { code: 'CLIENT_OPTIONS' });
  }
  for (const channel of [0, -1, 1.5, 2 ** 32, Number.NaN]) {
    await assert.rejects(client.send(channel, 'x'), { code: 'CLIENT_OPTIONS' });
  }
  assert.equal(client.state, 'connected');
});

test('given a session, when the client is closed, then it has ended because it was closed and not by an outage', async () => {
  const { clock, connected } = world();
  const client = await connected();
  const reasons: unknown[] = [];
  client.on('disconnected', ({ reason, willRetry }) => reasons.push([reason.code, willRetry]));
  client.on('closed', ({ error }) => reasons.push(error));
  await finish(clock, client.close());
  assert.deepEqual(reasons, [['CLIENT_CLOSED', false], undefined]);
  await assert.rejects(client.connect(), { code: 'CLIENT_CLOSED' });
});

test('given a client that was closed before it began, when it connects, then it is CLIENT_CLOSED', async () => {
  const { client: create } = world();
  const client = create();
  await client.close();
  await assert.rejects(client.connect(), { code: 'CLIENT_CLOSED' });
});
