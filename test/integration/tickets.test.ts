import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { type RunningServer, startRunningServer } from '../kit/running-server.ts';
import { WireClient, type WireOptions } from '../kit/wire-client.ts';

const limits = { timeout: 30_000 };
let server: RunningServer;
let ticket: string;

/** One stranger in an hour, so that whoever gets in later has its ticket to thank. */
before(async () => {
  server = await startRunningServer([
    'security.rate_limit.connect_burst=1',
    'security.rate_limit.connect_window_ms=3600000',
  ]);
  const client = await WireClient.connect(server, 'phone');
  ticket = client.facts.ticket;
  client.close();
});
after(() => server[Symbol.asyncDispose]());

async function statusOf(options: WireOptions): Promise<readonly [number, unknown]> {
  const client = new WireClient(server, 'stranger', options);
  const [head] = (await once(client)) as [Readonly<Record<string, unknown>>];
  client.close();
  return [Number(head[':status']), head['retry-after']];
}

function once(client: WireClient): Promise<unknown[]> {
  return new Promise((resolve) => {
    client.stream.once('response', (...args: unknown[]) => resolve(args));
  });
}

test(
  'given strangers who have used up their address, when one more comes without a ticket, then it is told its turn',
  limits,
  async () => {
    const [status, seconds] = await statusOf({});
    assert.equal(status, 429);
    assert.ok(Number(seconds) > 3000 && Number(seconds) <= 3600, String(seconds));
  },
);

for (const [where, head] of [
  ['the header', () => ({ 'commucat-ticket': ticket })],
  ['the query', () => ({ ':path': `/connect?mode=binary&ticket=${ticket}` })],
] as const) {
  test(
    `given the ticket of the last handshake in ${where}, then the device is in, with a new ticket`,
    limits,
    async () => {
      const client = await WireClient.connect(server, 'phone', { head: head() });
      assert.match(client.facts.ticket, /^[\w-]{1,128}$/);
      assert.equal((await client.join(1, [])).type, FRAME.ACK);
      client.close();
    },
  );
}

test(
  "given somebody else's ticket, then the request is let in and the handshake is refused",
  limits,
  async () => {
    await assert.rejects(
      WireClient.connect(server, 'thief', { head: { 'commucat-ticket': ticket } }),
      /"invalid request"/,
    );
  },
);

test('given a ticket that is none, then the request is that of a stranger', limits, async () => {
  for (const none of ['x', ticket.replace(/^./, 'B'), '']) {
    assert.equal((await statusOf({ head: { 'commucat-ticket': none } }))[0], 429);
  }
});

test(
  'given one device that keeps coming, then its ticket helps ten times in ten seconds',
  limits,
  async () => {
    const head = { 'commucat-ticket': ticket };
    const statuses = await Promise.all(Array.from({ length: 40 }, async () => (await statusOf({ head }))[0]));
    assert.deepEqual(new Set(statuses), new Set([200, 429]));
  },
);
