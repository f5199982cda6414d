import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClientError, type ControlEvent, type Message } from '../../src/client/index.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { finish, world } from './client-world.ts';

interface Held {
  readonly text: string;
  finish(error?: Error): void;
}

/** A listener whose promises the test settles. */
function holding(): { readonly held: Held[]; readonly listener: (message: Message) => Promise<void> } {
  const held: Held[] = [];
  const listener = ({ text }: Message): Promise<void> =>
    new Promise((resolve, reject) => {
      held.push({ text, finish: (error) => (error === undefined ? resolve() : reject(error)) });
    });
  return { held, listener };
}

test('given an asynchronous listener, when messages arrive, then it has one at a time and each is confirmed only when its promise is fulfilled', async () => {
  const { clock, server, connected } = world();
  const client = await connected();
  const { held, listener } = holding();
  client.on('message', listener);
  for (const text of ['one', 'two', 'three']) server.deliver(text);
  await clock.until(() => held.length === 1);
  await clock.advance(5000);
  assert.deepEqual([held.map(({ text }) => text), server.confirmations], [['one'], []]);
  held[0]?.finish();
  await clock.until(() => held.length === 2 && server.confirmed === 1);
  held[1]?.finish();
  await clock.until(() => held.length === 3);
  held[2]?.finish();
  await clock.until(() => server.confirmed === 3);
});

test('given a listener whose promise is rejected, when it is, then that is an error, nothing is confirmed, and the message comes again before those behind it', async () => {
  const { clock, server, connected } = world();
  const client = await connected();
  const errors: ClientError[] = [];
  client.on('error', (error) => errors.push(error));
  const seen: string[] = [];
  let failing = 3;
  client.on('message', async ({ text }) => {
    seen.push(text);
    await Promise.resolve();
    if (text === 'one' && failing-- > 0) throw new Error('database is away');
  });
  server.deliver('one');
  server.deliver('two');
  await clock.until(() => errors.length === 1);
  await clock.advance(900);
  assert.deepEqual([seen, server.confirmations], [['one'], []]);
  await clock.until(() => server.confirmed === 2);
  assert.deepEqual(seen, ['one', 'one', 'one', 'one', 'two']);
  assert.deepEqual(
    errors.map(({ code, cause }) => [code, (cause as Error).message]),
    Array.from({ length: 3 }, () => ['CLIENT_LISTENER', 'database is away']),
  );
});

test('given a listener that throws, when another session begins, then the message comes again at once', async () => {
  const { clock, server, network, connected } = world();
  const client = await connected();
  client.on('error', () => undefined);
  const seen: string[] = [];
  client.on('message', ({ text }) => {
    seen.push(text);
    if (seen.length < 7) throw new Error('not now');
  });
  server.deliver('one');
  // The sixth failure is followed by a wait of 30 s.
  await clock.until(() => seen.length === 6);
  network.cut();
  await clock.until(() => seen.length === 7);
  await clock.until(() => server.confirmed === 1);
  assert.deepEqual([new Set(seen).size, server.last], [1, 1]);
});

test('given a program that ends while a listener fails, when it starts again, then the server sends the message again', async () => {
  const { clock, server, connected } = world();
  const first = await connected();
  first.on('error', () => undefined);
  first.on('message', async () => {
    throw new Error('never');
  });
  server.deliver('one');
  await clock.advance(100);
  await finish(clock, first.close());
  assert.deepEqual(server.confirmations, []);
  const second = await connected();
  const messages = second.messages();
  const { value } = await finish(clock, messages.next());
  assert.deepEqual([value?.text, value?.number], ['one', 1]);
});

test('given a listener at work, when the client is closed, then it is waited for, its message is confirmed, and the next one stays with the server', async () => {
  const { clock, server, connected } = world();
  const client = await connected();
  const { held, listener } = holding();
  client.on('message', listener);
  server.deliver('one');
  server.deliver('two');
  await clock.until(() => held.length === 1);
  const closed = client.close();
  await clock.advance(100);
  assert.notEqual(client.state, 'closed');
  held[0]?.finish();
  await finish(clock, closed);
  assert.deepEqual([held.length, server.confirmed], [1, 1]);
});

test('given a listener that never ends, when the client is closed, then the deadline ends it', async () => {
  const { clock, server, connected } = world();
  const client = await connected();
  const { held, listener } = holding();
  client.on('message', listener);
  server.deliver('one');
  await clock.until(() => held.length === 1);
  await finish(clock, client.close({ deadline: 300 }));
  assert.deepEqual([client.state, server.confirmed], ['closed', 0]);
});

test('given control frames between messages, when their listeners are asynchronous, then all of them come in the order of the inbox', async () => {
  const { clock, server, connected } = world();
  const client = await connected();
  const seen: string[] = [];
  const slowly = async (text: string): Promise<void> => {
    seen.push(`${text} begins`);
    await new Promise<void>((resolve) => clock.after(20, resolve));
    seen.push(`${text} ends`);
  };
  client.on('keyUpdate', ({ number }) => slowly(`key ${number}`));
  client.on('message', ({ number }) => slowly(`message ${number}`));
  server.deliver('{"k":1}', 7, FRAME.KEY_UPDATE);
  server.deliver('text');
  server.deliver('{"k":2}', 7, FRAME.KEY_UPDATE);
  await clock.until(() => server.confirmed === 3);
  assert.deepEqual(seen, [
    'key 1 begins',
    'key 1 ends',
    'message 2 begins',
    'message 2 ends',
    'key 3 begins',
    'key 3 ends',
  ]);
});

test('given listeners that fail and nobody who listens to errors, when it happens, then the platform is told and the session goes on', async () => {
  const { clock, server, connected } = world();
  const told: string[] = [];
  const client = await connected({ report: ({ message }) => told.push(message) });
  client.on('typing', async () => {
    throw new Error('live');
  });
  client.on('message', () => {
    throw new Error('durable');
  });
  server.deliver('one');
  for (const session of server.sessions) session.send(FRAME.TYPING, 7, 0, Buffer.from('{}'));
  await clock.until(() => told.length >= 2);
  client.on('error', () => {
    throw new Error('the listener of errors');
  });
  await clock.until(() => told.length >= 3);
  assert.deepEqual(told, [
    'a listener of message failed: durable',
    'a listener of typing failed: live',
    'a listener of error failed: the listener of errors',
  ]);
  assert.equal(client.state, 'connected');
});

test('given documents with numbers of every kind, when they reach the application, then JSON.stringify writes them and no digit is lost', async () => {
  const { clock, server, connected } = world();
  const client = await connected();
  const values: ControlEvent['value'][] = [];
  client.on('keyUpdate', ({ value }) => values.push(value));
  const text =
    '{"serial":18446744073709551615,"low":-9223372036854775808,"one":1.0,"far":1e300,"n":[7,{"x":null}]}';
  server.deliver(text, 7, FRAME.KEY_UPDATE);
  server.deliver('{"__proto__":{"polluted":1.0}}', 7, FRAME.KEY_UPDATE);
  await clock.until(() => values.length === 2);
  assert.equal(
    JSON.stringify(values[0]),
    '{"serial":"18446744073709551615","low":"-9223372036854775808","one":1,"far":1e+300,"n":[7,{"x":null}]}',
  );
  assert.equal(JSON.stringify(values[1]), '{"__proto__":{"polluted":1}}');
  assert.equal(({} as { polluted?: number }).polluted, undefined);
  assert.match(JSON.stringify(client.session), /"serial":1/);
});

test('given presence and typing, when they arrive, then the events name the device and what it does', async () => {
  const { clock, server, connected } = world();
  const client = await connected();
  const seen: unknown[] = [];
  client.on('presence', ({ device, state }) => seen.push([device, state]));
  client.on('typing', ({ channel, device, typing, ttlMs, label }) =>
    seen.push([channel, device, typing, ttlMs, label]),
  );
  const [session] = server.sessions;
  assert.ok(session);
  const send = (type: number, channel: number, value: unknown): void =>
    session.send(type, channel, 0, Buffer.from(JSON.stringify(value)));
  send(FRAME.PRESENCE, 0, { entity: 'bob', peer: 'bob', state: 'away' });
  send(FRAME.PRESENCE, 0, { peer: 'eve', expires_at: 5 });
  send(FRAME.TYPING, 7, { device: 'bob', typing: false, ttl_ms: 500, label: 'recording' });
  send(FRAME.TYPING, 7, { sender: 'eve', typing: 'yes' });
  send(FRAME.TYPING, 7, ['nobody']);
  await clock.until(() => seen.length === 5);
  assert.deepEqual(seen, [
    ['bob', 'away'],
    ['eve', undefined],
    [7, 'bob', false, 500, 'recording'],
    [7, 'eve', true, undefined, undefined],
    [7, undefined, true, undefined, undefined],
  ]);
});

test('given a refusal with fields of its own, when it reaches the application, then wire has all of them', async () => {
  const { clock, server, connected } = world();
  const client = await connected();
  const errors: ClientError[] = [];
  client.on('error', (error) => errors.push(error));
  const [session] = server.sessions;
  const document = {
    error: 'wrong_channel',
    title: 5,
    detail: 'elsewhere',
    channel: 12,
    not_stored: 3,
    more: [1],
  };
  session?.send(FRAME.ERROR, 0, 0, Buffer.from(JSON.stringify(document)));
  await clock.until(() => errors.length === 1);
  const wire = errors[0]?.wire;
  assert.deepEqual([wire?.channel, wire?.not_stored, wire?.title], [12, 3, undefined]);
  assert.deepEqual(
    { ...wire },
    { error: 'wrong_channel', detail: 'elsewhere', channel: 12, not_stored: 3, more: [1] },
  );
  assert.ok(errors[0] instanceof ClientError);
});
