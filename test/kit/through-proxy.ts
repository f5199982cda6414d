import assert from 'node:assert/strict';
import type { LoggedServer } from '../haproxy/logged-server.ts';
import { type Answer, dial, get1, get2, type Headers, secure, session2 } from '../listeners/raw-client.ts';
import { DOORS } from './doors.ts';
import { until } from './waiting.ts';
import { WireClient } from './wire-client.ts';

export type Ask = (from: string, path: string, headers?: Headers) => Promise<Answer>;

/** Requests of HTTP/1.1 and HTTP/2 through the proxy. */
export function asking(port: number, ca: Buffer): { readonly http1: Ask; readonly http2: Ask } {
  return {
    async http1(from, path, headers) {
      const tls = await secure(await dial(port, from), ca);
      return get1(tls, path, { connection: 'close', ...headers });
    },
    async http2(from, path, headers) {
      const session = session2(await secure(await dial(port, from), ca, { ALPNProtocols: ['h2'] }));
      try {
        return await get2(session, path, headers);
      } finally {
        session.destroy();
      }
    },
  };
}

/** Until the proxy has found the server in order. */
export async function untilUp(proxy: { assertAlive(): void }, ask: Ask): Promise<void> {
  const isUp = async (): Promise<boolean> => {
    proxy.assertAlive();
    return (await ask('127.0.0.9', '/readyz').catch(() => undefined))?.status === 200;
  };
  await until(isUp, 'a proxy that answers');
}

/** Two devices talk through the proxy; the server must see them where they are. */
export async function chat(server: LoggedServer, port: number): Promise<void> {
  const through = { ...server, port };
  const places = { ada: '127.0.0.21', bob: '127.0.0.22' } as const;
  const direct: string[] = [];
  for (const [name, from] of Object.entries(places)) {
    (await WireClient.connect(server, `direct-${name}`, { from })).close();
    direct.push(server.peers().at(-1) ?? '');
  }
  const ada = await WireClient.connect(through, 'ada', { from: places.ada });
  const bob = await WireClient.connect(through, 'bob', { from: places.bob });
  assert.deepEqual(server.peers().slice(-2), direct);
  assert.equal(new Set(direct).size, 2);
  await ada.join(5, ['ada', 'bob']);
  await bob.join(5, ['ada', 'bob']);
  const words = 'x'.repeat(60_000);
  for (let turn = 0; turn < 30; turn += 1) {
    void ada.say(5, `${turn} ${words}`);
    void bob.say(5, `${turn} ${words}`);
  }
  for (let turn = 0; turn < 30; turn += 1) {
    assert.equal(await bob.hear(), `${turn} ${words}`);
    assert.equal(await ada.hear(), `${turn} ${words}`);
  }
  ada.close();
  bob.close();
}

/** A session through each door but those of a name that begins so; what is said through it arrives. */
export async function everyDoor(server: LoggedServer, port: number, without?: string): Promise<void> {
  const doors = DOORS.filter(({ name }) => without === undefined || !name.startsWith(without));
  const through = { ...server, port };
  const listener = await WireClient.connect(server, 'listener', { from: '127.0.0.23' });
  await listener.join(6, ['listener', ...doors.map((_, index) => `door-${index}`)]);
  for (const [index, door] of doors.entries()) {
    const client = await WireClient.connect(through, `door-${index}`, { door }).catch((error: unknown) => {
      throw new Error(`${door.name}: ${String(error)}`);
    });
    await client.join(6, ['listener', `door-${index}`]);
    await client.say(6, door.name);
    assert.equal(await listener.hear(), door.name);
    await listener.say(6, `to ${door.name}`);
    assert.equal(await client.hear(), `to ${door.name}`);
    client.close();
  }
  listener.close();
}
