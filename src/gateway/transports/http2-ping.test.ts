import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { turns } from '../../../test/kit/waiting.ts';
import { askByPing } from './http2-ping.ts';

/** A connection over a real socket: the server's session, what the client has seen, and the end of both. */
async function connection() {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const accepted = once(server, 'session');
  const client = connect(`http://127.0.0.1:${port}`);
  client.on('error', () => undefined);
  const [session] = (await accepted) as [ServerHttp2Session];
  session.on('error', () => undefined);
  await once(client, 'remoteSettings');
  let pings = 0;
  client.on('ping', () => {
    pings += 1;
  });
  return {
    session,
    pings: () => pings,
    [Symbol.dispose]: () => {
      client.destroy();
      session.destroy();
      server.close();
    },
  };
}

const asked = (session: ServerHttp2Session): Promise<boolean> =>
  new Promise((resolve) => askByPing(session, resolve));

test('given many streams that ask at once, when the peer answers, then all have their answer from two PINGs', async () => {
  using peer = await connection();

  const answers = await Promise.all(Array.from({ length: 200 }, () => asked(peer.session)));

  assert.deepEqual(new Set(answers), new Set([true]));
  assert.equal(peer.pings(), 2, 'the first question did not wait for the others');
  assert.equal(await asked(peer.session), true, 'and the next question is asked');
});

test('given PINGs on their way that leave no room for another, when somebody asks, then there is one answer: no', async () => {
  using peer = await connection();
  while (peer.session.ping(() => undefined)) {
    // Node.js allows ten that are not answered.
  }

  let answers = 0;
  const answer = await new Promise<boolean>((resolve) => {
    askByPing(peer.session, (received) => {
      answers += 1;
      resolve(received);
    });
  });
  await turns();

  assert.equal(answer, false);
  assert.equal(answers, 1);
  await asked(peer.session);
});

test('given a connection that is lost, when somebody asks, then the answer is no, also to who was waiting', async () => {
  using peer = await connection();
  const before = [asked(peer.session), asked(peer.session)];
  peer.session.destroy();

  assert.deepEqual(await Promise.all(before), [false, false]);
  assert.equal(await asked(peer.session), false);
});
