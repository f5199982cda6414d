import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ClientError, type Receipt } from '../../src/client/index.ts';
import { finish, world } from './client-world.ts';

type Told = 'sent' | 'refused' | 'other';

function told(sent: Promise<Receipt>): Promise<Told> {
  return sent.then(
    () => 'sent' as const,
    (error: unknown) =>
      error instanceof ClientError && error.code === 'CLIENT_REFUSED' && error.wire?.error === 'mailbox_full'
        ? ('refused' as const)
        : ('other' as const),
  );
}

/** Sends ten frames of which some are refused, over connections that break; checks that each promise tells the truth. */
async function truthful(
  cuts: readonly (number | undefined)[],
  refused: ReadonlySet<number>,
  ms = 2,
): Promise<number> {
  const { clock, server, network, client: create } = world(cuts);
  server.commitMs = ms;
  server.refuse = ({ text }) => (refused.has(Number(text)) ? 'mailbox_full' : undefined);
  const client = create();
  const texts = Array.from({ length: 10 }, (_, index) => String(index));
  await finish(clock, client.connect());
  const sends = [client.join(7), ...texts.map((text) => client.send(7, text))];
  const outcomes = await finish(clock, Promise.all(sends.slice(1).map(told)));
  for (const [index, outcome] of outcomes.entries()) {
    assert.equal(outcome, refused.has(index) ? 'refused' : 'sent', `frame ${index}`);
  }
  assert.deepEqual(
    server.log.map(({ text }) => text),
    texts.filter((text) => !refused.has(Number(text))),
  );
  const pieces = network.carried;
  await finish(clock, client.close());
  return pieces;
}

test('given frames that are refused, when the connection breaks after any one piece, then what was refused is rejected and what was stored is resolved', async () => {
  const refused = new Set([1, 4, 5, 9]);
  const pieces = await truthful([], refused);
  for (let cut = 0; cut < pieces; cut += 1) {
    for (const ms of [2, 40]) await truthful([cut], refused, ms);
  }
});

test('given any refusals and any breaks, when frames are sent, then each promise tells what has become of its frame', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 8, max: 60 }), { maxLength: 8 }),
      fc.uniqueArray(fc.integer({ min: 0, max: 9 })),
      fc.integer({ min: 1, max: 60 }),
      async (cuts, refused, ms) => {
        await truthful(cuts, new Set(refused), ms);
      },
    ),
    { numRuns: 100 },
  );
});

test('given a refusal that was lost with its connection and a later frame in the log, when the client comes back, then the refused frame is rejected with its code', async () => {
  const { clock, server, network, connected } = world();
  const client = await connected();
  await finish(clock, client.join(7));
  server.refuse = ({ text }) => (text === 'lost' ? 'mailbox_full' : undefined);
  const one = told(client.send(7, 'lost'));
  const two = client.send(7, 'kept');
  await clock.until(() => server.log.length === 1);
  network.cut();
  await finish(clock, two);
  assert.equal(await finish(clock, one), 'refused');
  await clock.advance(100);
  assert.equal(server.arrived.length, 1);
});

test('given an older server that names no refusals, when the client comes back, then it settles by `received` alone', async () => {
  const { clock, server, network, connected } = world();
  server.namesRefusals = false;
  const client = await connected();
  await finish(clock, client.join(7));
  const sent = client.send(7, 'a');
  await clock.until(() => server.log.length === 1);
  network.cut();
  const receipt = await finish(clock, sent);
  assert.deepEqual([receipt.stored, receipt.notStored], [undefined, 0]);
});

test('given the largest window, when all of it is refused and the answers are lost, then none is taken for sent', async () => {
  const { clock, server, network, connected } = world();
  const client = await connected({ maxUnacknowledged: { frames: 256 } });
  await finish(clock, client.join(7));
  server.refuse = ({ text }) => (text === 'last' ? undefined : 'mailbox_full');
  const sends = Array.from({ length: 255 }, (_, index) => told(client.send(7, String(index))));
  const last = client.send(7, 'last');
  await clock.until(() => server.log.length === 1);
  network.cut();
  await finish(clock, last);
  assert.deepEqual(new Set(await finish(clock, Promise.all(sends))), new Set(['refused']));
});

test('given ACKs that say for how many devices a frame was stored, when sends resolve, then their receipts have both numbers', async () => {
  const { clock, server, connected } = world();
  const client = await connected();
  await finish(clock, client.join(7));
  for (const [counts, stored, notStored] of [
    [{}, undefined, 0],
    [{ stored: 0 }, 0, 0],
    [{ stored: 3 }, 3, 0],
    [{ not_stored: 2, stored: 1 }, 1, 2],
    [{ not_stored: 2, stored: 1, call_id: 'x' }, 1, 2],
  ] as const) {
    server.counts = counts;
    const receipt = await finish(clock, client.send(7, 'x'));
    assert.deepEqual([receipt.stored, receipt.notStored, receipt.channel], [stored, notStored, 7]);
    assert.equal(receipt.acknowledgement?.call_id, 'call_id' in counts ? 'x' : undefined);
  }
});

test('given one signal for many sends, when they have their answers, then the signal holds nothing of them, and those that it ends are told', async () => {
  const { clock, server, connected } = world();
  const client = await connected({ maxUnacknowledged: { frames: 4, waiting: 4 } });
  await finish(clock, client.join(7));
  const abort = new AbortController();
  const { signal } = abort;
  for (let round = 0; round < 20; round += 1) await finish(clock, client.send(7, 'x', { signal }));
  server.refuse = () => 'forbidden';
  await assert.rejects(finish(clock, client.send(7, 'x', { signal })), { code: 'CLIENT_REFUSED' });
  assert.equal(getEventListeners(signal, 'abort').length, 0);
  server.refuse = () => undefined;
  const sends = Array.from({ length: 9 }, (_, index) =>
    client.send(7, `${index}`, { signal }).then(
      () => 'sent',
      (error: ClientError) => error.code,
    ),
  );
  assert.equal(getEventListeners(signal, 'abort').length, 8);
  abort.abort();
  const outcomes = await finish(clock, Promise.all(sends));
  assert.deepEqual(outcomes, [...Array.from({ length: 8 }, () => 'CLIENT_ABORTED'), 'CLIENT_OVERLOADED']);
  await finish(clock, client.close());
});
