import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { serialAfter } from '../../src/protocol/serial.ts';
import { finish, reader, world } from './client-world.ts';

const UP = Array.from({ length: 10 }, (_, index) => `up ${index}`);
const DOWN = Array.from({ length: 10 }, (_, index) => `down ${index}`);

interface Outcome {
  readonly pieces: number;
  readonly connections: number;
}

/** One conversation, both directions at once; checks that each frame arrived once and in order. */
async function converse(
  cuts: readonly (number | undefined)[],
  crashes: readonly number[] = [],
  seed = 1,
  commitMs = 2,
): Promise<Outcome> {
  const { clock, server, network, client: create } = world(cuts, seed);
  server.commitMs = commitMs;
  const client = create();
  const seen = reader(client);
  for (const at of crashes) clock.after(at, () => server.crash());
  for (const [index, text] of DOWN.entries()) clock.after(3 * index, () => server.deliver(text));
  let acknowledged = 0;
  let failure: unknown;
  const failed = (error: unknown): void => {
    failure = error;
  };
  client.connect().then(() => {
    for (const channel of [7, 8]) client.join(channel, { members: ['device-2'] }).catch(failed);
    for (const [index, text] of UP.entries()) {
      client.send(index % 2 === 0 ? 7 : 8, text).then(() => {
        acknowledged += 1;
      }, failed);
    }
  }, failed);
  const finished = (): boolean =>
    failure !== undefined ||
    (acknowledged === UP.length && seen.length >= DOWN.length && server.confirmed === DOWN.length);
  await clock.until(finished, 'the end of the conversation');
  assert.equal(failure, undefined);
  assert.deepEqual(
    server.log.map(({ text }) => text),
    UP,
  );
  assert.deepEqual(
    seen.map(({ text }) => text),
    DOWN,
  );
  const pieces = network.carried;
  const closed = client.close();
  await clock.until(() => client.state === 'closed', 'the end of the client');
  await closed;
  return { pieces, connections: network.opened };
}

test('given a conversation, when its connection breaks after any one piece, then nothing is lost, doubled or out of order', async () => {
  const { pieces, connections } = await converse([]);
  assert.equal(connections, 1);
  for (let cut = 0; cut < pieces; cut += 1) {
    for (const commitMs of [2, 40]) {
      const outcome = await converse([cut], [], 1, commitMs);
      assert.ok(outcome.connections >= 2, `cut ${cut} came too late`);
    }
  }
});

test('given random breaks and crashes of the server, when both sides talk, then nothing is lost, doubled or out of order', async () => {
  const cuts = fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 8 });
  const crashes = fc.array(fc.integer({ min: 5, max: 200 }), { maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(
      cuts,
      crashes,
      fc.integer({ min: 1 }),
      fc.integer({ min: 1, max: 60 }),
      async (some, when, seed, ms) => {
        await converse(some, when, seed, ms);
      },
    ),
    { numRuns: 150 },
  );
});

test('given a client that is killed and started again from its store, when both talk on, then no message is lost and no new one is swallowed', async () => {
  const kills = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(
      kills,
      fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 3 }),
      fc.integer({ min: 1, max: 40 }),
      async (lives, cuts, commitMs) => {
        const { clock, server, client: create } = world(cuts);
        server.commitMs = commitMs;
        for (const [index, text] of DOWN.entries()) clock.after(5 * index, () => server.deliver(text));
        const seen: { number: number | undefined; text: string }[] = [];
        const promised: string[] = [];
        for (const [life, ms] of [...lives, 100_000].entries()) {
          const abort = new AbortController();
          const client = create({ signal: abort.signal });
          void (async () => {
            for await (const { number, text } of client.messages()) seen.push({ number, text });
          })().catch(() => undefined);
          client.connect().then(
            () => {
              client.join(7).catch(() => undefined);
              for (const text of UP) {
                client.send(7, `${life} ${text}`).then(
                  () => promised.push(`${life} ${text}`),
                  () => undefined,
                );
              }
            },
            () => undefined,
          );
          if (life < lives.length) await clock.advance(ms);
          else {
            await clock.until(
              () => promised.includes(`${life} ${UP.at(-1)}`) && server.confirmed === DOWN.length,
            );
          }
          abort.abort();
        }
        const logged = server.log.map(({ text }) => text);
        assert.equal(new Set(logged).size, logged.length, 'doubled');
        assert.deepEqual(
          logged.filter((text) => promised.includes(text)),
          promised,
        );
        for (const text of UP) assert.ok(logged.includes(`${lives.length} ${text}`), `${text} was swallowed`);
        // A message may come again to an application that was killed before it could be kept; its number tells.
        const fresh = seen.filter(
          ({ number }, index) => seen.findIndex((other) => other.number === number) === index,
        );
        assert.deepEqual(
          fresh.map(({ text }) => text),
          DOWN,
        );
      },
    ),
    { numRuns: 100 },
  );
});

test('given frames without answer, when the client comes back, then it joins with higher sequences and sends the rest with the same', async () => {
  const { clock, server, network, client: create } = world();
  const client = create();
  void client.connect();
  await clock.until(() => client.state === 'connected');
  const joined = client.join(7);
  await clock.until(() => client.channels.length === 1);
  await joined;
  const sends = Promise.all(['a', 'b', 'c'].map((text) => client.send(7, text)));
  await clock.until(() => server.arrived.length === 3);
  server.crash();
  await clock.until(() => server.log.length === 3);
  const receipts = await finish(clock, sends);
  assert.deepEqual(server.arrived.slice(3), server.arrived.slice(0, 3));
  assert.deepEqual(
    receipts.map(({ sequence }) => sequence),
    server.arrived.slice(0, 3),
  );
  const [first, second] = server.joins;
  assert.ok(first && second && serialAfter(second.sequence, server.arrived.at(-1) ?? 0));
  assert.equal(network.opened, 2);
});

test('given a frame in the log whose ACK was lost, when the client comes back, then it is settled and not sent again', async () => {
  const { clock, server, network, client: create } = world();
  const client = create();
  void client.connect();
  await clock.until(() => client.state === 'connected');
  const sends = Promise.all([client.join(7), client.send(7, 'a')]);
  await clock.until(() => server.log.length === 1);
  network.cut();
  await finish(clock, sends);
  await clock.advance(100);
  assert.equal(server.arrived.length, 1);
});

test('given a store that holds sequences, when a new client starts, then it uses none of them again', async () => {
  const { clock, server, store, client: create } = world();
  const used: number[] = [];
  for (let life = 0; life < 3; life += 1) {
    const abort = new AbortController();
    const client = create({ signal: abort.signal });
    void client.connect();
    await clock.until(() => client.state === 'connected');
    client.join(7).catch(() => undefined);
    client.send(7, 'x').catch(() => undefined);
    await clock.until(() => server.arrived.length === life + 1);
    used.push(...server.arrived.slice(life));
    abort.abort();
  }
  assert.deepEqual(
    used,
    [...new Set(used)].sort((a, b) => a - b),
  );
  assert.ok(((await store.load())?.sequence ?? 0) > Math.max(...used));
});

test('given a window of 4, when more is sent than the server answers, then the rest waits, and too much is refused', async () => {
  const { clock, server, client: create } = world();
  const client = create({ maxUnacknowledged: { frames: 4, waiting: 3 } });
  void client.connect();
  await clock.until(() => client.state === 'connected');
  const joined = client.join(7);
  await clock.until(() => client.channels.length === 1);
  await joined;
  const sends = Array.from({ length: 7 }, (_, index) => client.send(7, String(index)));
  assert.equal(client.writable, false);
  await assert.rejects(client.send(7, 'x'), { code: 'CLIENT_OVERLOADED' });
  await clock.until(() => server.arrived.length > 0);
  assert.equal(server.arrived.length, 4);
  const ready = client.ready();
  await finish(clock, Promise.all(sends));
  await ready;
  assert.equal(client.writable, true);
  assert.deepEqual(
    server.log.map(({ text }) => text),
    ['0', '1', '2', '3', '4', '5', '6'],
  );
});

test('given a byte window, when one frame is larger than it, then it goes alone', async () => {
  const { clock, server, client: create } = world();
  const client = create({ maxUnacknowledged: { bytes: 10 } });
  void client.connect();
  await clock.until(() => client.state === 'connected');
  const sends = [client.join(7), client.send(7, 'x'.repeat(50)), client.send(7, 'y')];
  await clock.until(() => server.arrived.length === 1);
  assert.equal(server.arrived.length, 1);
  await finish(clock, Promise.all(sends));
  assert.equal(server.log.length, 2);
});

test('given frames of one turn, when they leave, then it is in one record and one write', async () => {
  const { clock, network, server, client: create } = world();
  const client = create({ maxUnacknowledged: { frames: 64 } });
  void client.connect();
  await clock.until(() => client.state === 'connected');
  const before = network.writes.length;
  const sends = [client.join(7), ...Array.from({ length: 50 }, () => client.send(7, 'x'.repeat(256)))];
  await clock.until(() => server.arrived.length === 50);
  assert.equal(network.writes.length, before + 1);
  await finish(clock, Promise.all(sends));
});

test('given a server that cannot store a frame, when it can again, then the frame arrives in its place', async () => {
  const { clock, server, client: create } = world();
  let refusals = 2;
  server.refuse = ({ text }) => (text === 'b' && refusals-- > 0 ? 'storage' : undefined);
  const client = create({ maxUnacknowledged: { frames: 2 } });
  void client.connect();
  await clock.until(() => client.state === 'connected');
  const sends = [client.join(7), client.send(7, 'a'), client.send(7, 'b')];
  await finish(clock, Promise.all(sends));
  assert.deepEqual(
    server.log.map(({ text }) => text),
    ['a', 'b'],
  );
});

test('given a refusal, when a send is answered by ERROR, then only this send fails and its code is the server’s', async () => {
  const { clock, server, client: create } = world();
  server.refuse = ({ text }) => (text === 'b' ? 'forbidden' : undefined);
  const client = create();
  void client.connect();
  await clock.until(() => client.state === 'connected');
  const sends = Promise.allSettled([
    client.join(7),
    client.send(7, 'a'),
    client.send(7, 'b'),
    client.send(7, 'c'),
  ]);
  const results = await finish(clock, sends);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
  );
  const [, , refused] = results;
  assert.ok(refused?.status === 'rejected');
  assert.deepEqual([refused.reason.code, refused.reason.wire.error], ['CLIENT_REFUSED', 'forbidden']);
});

test('given a server without resume, when the connection breaks, then sends without answer fail instead of being doubled', async () => {
  const { clock, server, network, client: create } = world();
  server.granted = [];
  const client = create();
  void client.connect();
  await clock.until(() => client.state === 'connected');
  const joined = client.join(7);
  await clock.until(() => client.channels.length === 1);
  await joined;
  const sent = client.send(7, 'x');
  const outcome = assert.rejects(sent, { code: 'CLIENT_DISCONNECTED' });
  await clock.until(() => server.arrived.length === 1);
  network.cut();
  await finish(clock, outcome);
  assert.equal(server.arrived.length, 1);
});

test('given close with frames on their way, when the connection breaks, then it still waits for their answers', async () => {
  const { clock, server, client: create } = world([14]);
  const client = create();
  void client.connect();
  await clock.until(() => client.state === 'connected');
  const sends = Promise.all([client.join(7), ...['a', 'b', 'c'].map((text) => client.send(7, text))]);
  const closed = client.close();
  await assert.rejects(client.send(7, 'late'), { code: 'CLIENT_CLOSED' });
  await finish(clock, sends);
  await finish(clock, closed);
  assert.equal(client.state, 'closed');
  assert.deepEqual(
    server.log.map(({ text }) => text),
    ['a', 'b', 'c'],
  );
  assert.equal(server.ended, 1);
});

test('given close and a server that is gone, when the deadline has passed, then what has no answer is rejected', async () => {
  const { clock, server, network, client: create } = world();
  const client = create();
  void client.connect();
  await clock.until(() => client.state === 'connected');
  network.refuse = new Error('refused');
  const sent = assert.rejects(client.send(7, 'a'), { code: 'CLIENT_CLOSED' });
  server.crash();
  await finish(clock, client.close({ deadline: 1000 }));
  await sent;
  assert.equal(client.state, 'closed');
});
