import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { STREAMS } from '../../src/events/streams.ts';
import { tailLog, verifyLog } from '../../src/log/segments/inspect.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { systemClock } from '../../src/system/index.ts';
import { ServerProcess } from '../kit/server-process.ts';
import { fill, smallDisk } from '../kit/small-disk.ts';
import { type ServerAddress, WireClient } from '../kit/wire-client.ts';

const limits = { timeout: 120_000 };

function addressOf(server: ServerProcess): ServerAddress {
  const { domain, noise_public: noisePublic } = server.ready;
  return { port: server.port, ca: server.ca, domain, noisePublic };
}

test(
  'given an ACK, when the server is killed at once, then the frame, the channel and the counters are there again',
  limits,
  async () => {
    await using server = await ServerProcess.start();
    const alice = await WireClient.connect(addressOf(server), 'alice');
    const bob = await WireClient.connect(addressOf(server), 'bob');
    await alice.join(7, ['alice', 'bob']);
    await bob.join(7, ['alice', 'bob']);
    bob.close();
    assert.equal((await alice.say(7, 'acknowledged', 40)).type, FRAME.ACK);
    await server.kill();
    alice.close();
    await server.start();
    const back = await WireClient.connect(addressOf(server), 'bob');
    const { confirmed, next, epoch } = back.facts.inbox;
    assert.deepEqual([confirmed, next], [0, 2]);
    // A crash is no restore: the history goes on.
    assert.equal(epoch, bob.facts.inbox.epoch);
    assert.equal(await back.hear(), 'acknowledged');
    const again = await WireClient.connect(addressOf(server), 'alice');
    assert.equal(again.facts.resume.received, 40);
    assert.equal((await again.say(7, 'acknowledged', 40)).type, FRAME.ACK);
    assert.equal((await again.say(7, 'next', 41)).type, FRAME.ACK);
    assert.equal(await back.hear(), 'next');
    for (const client of [back, again]) client.close();
  },
);

test(
  'given a call that runs, when the server is killed, then the next start ends it in the log, and a participant that comes back is told',
  limits,
  async () => {
    await using server = await ServerProcess.start();
    const alice = await WireClient.connect(addressOf(server), 'alice');
    const bob = await WireClient.connect(addressOf(server), 'bob');
    await alice.join(7, ['alice', 'bob']);
    await bob.join(7, ['alice', 'bob']);
    await alice.ask(FRAME.CALL_OFFER, 7, { call_id: 'c1', from: 'alice', to: ['bob'] });
    assert.equal((await bob.ask(FRAME.CALL_ANSWER, 7, { call_id: 'c1', accept: true })).type, FRAME.ACK);
    for (let life = 0; life < 2; life += 1) {
      await server.kill();
      await server.start();
    }
    for (const client of [alice, bob]) client.close();
    const back = await WireClient.connect(addressOf(server), 'bob');
    const end = await back.until(({ type }) => type === FRAME.CALL_END);
    assert.deepEqual(end.json, {
      call_id: 'c1',
      metadata: { cause: 'disconnect', device: 'alice', system: true },
      reason: 'failure',
    });
    back.close();
    assert.equal(await server.stop(), 0);
    const life: string[] = [];
    for await (const recorded of tailLog(server.logDirectory, 1000, { clock: systemClock })) {
      if (STREAMS.call.has(recorded.stream)) life.push(recorded.type);
    }
    assert.deepEqual(life, ['call.offered', 'call.answered', 'call.left', 'call.ended']);
  },
);

test(
  'given sessions that are open, when the server is killed again and again, then the log says of each that it was opened and once that it was closed',
  limits,
  async () => {
    await using server = await ServerProcess.start();
    for (let life = 0; life < 3; life += 1) {
      const clients = await Promise.all(
        ['alice', 'bob', 'carol'].map((device) => WireClient.connect(addressOf(server), device)),
      );
      clients[0]?.close();
      await server.kill();
      for (const client of clients) client.close();
      await server.start();
    }
    assert.equal(await server.stop(), 0);
    const reasons = new Map<string, string[]>();
    for await (const recorded of tailLog(server.logDirectory, 10_000, { clock: systemClock })) {
      if (!STREAMS.session.has(recorded.stream)) continue;
      const event = STREAMS.session.decode(recorded);
      const life = reasons.get(recorded.stream) ?? [];
      reasons.set(recorded.stream, life);
      if (event.type === 'session.closed') life.push(event.reason);
    }
    assert.equal(reasons.size, 9);
    const ends = [...reasons.values()];
    assert.ok(
      ends.every((closed) => closed.length === 1),
      JSON.stringify(ends),
    );
    assert.ok(ends.filter(([reason]) => reason === 'server_restart').length >= 6);
  },
);

test(
  'given a disk that fills up, when frames come, then none is acknowledged that is not kept, the sender is told, and with space it goes on',
  limits,
  async (t) => {
    using disk = smallDisk(24);
    if (disk === undefined) {
      t.skip('this user may not mount a file system');
      return;
    }
    const server = await ServerProcess.start(['log.segment_bytes=1048576'], disk.path);
    const bob = await WireClient.connect(addressOf(server), 'bob');
    const plain = await WireClient.connect(addressOf(server), 'plain', { capabilities: [] });
    await plain.join(7, ['plain', 'bob']);
    await bob.join(7, ['plain', 'bob']);
    bob.close();
    const ballast = join(disk.path, 'ballast');
    fill(ballast);
    const acknowledged: string[] = [];
    let refused = 0;
    for (let number = 0; refused < 3 && number < 2_000; number += 1) {
      const words = `${number}:${'x'.repeat(30_000)}`;
      const answer = await plain.say(7, words);
      if (answer.type === FRAME.ACK) acknowledged.push(words);
      else {
        assert.equal(answer.json.error, 'storage');
        refused += 1;
      }
    }
    assert.equal(refused, 3, 'a full disk is noticed');
    rmSync(ballast);
    for (let tries = 0; tries < 50; tries += 1) {
      const words = `with space ${tries}`;
      if ((await plain.say(7, words)).type === FRAME.ACK) {
        acknowledged.push(words);
        break;
      }
    }
    assert.match(acknowledged.at(-1) ?? '', /^with space/, 'it recovers by itself');
    const back = await WireClient.connect(addressOf(server), 'bob');
    for (const words of acknowledged) {
      const message = await back.until(({ type }) => type === FRAME.MSG);
      assert.equal(message.text, words);
      back.post(FRAME.ACK, 0, { ack: message.sequence });
    }
    await back.barrier();
    assert.deepEqual(back.rest(), []);
    for (const client of [plain, back]) client.close();
    assert.equal(await server.stop(), 0);
    assert.deepEqual((await verifyLog(server.logDirectory, { clock: systemClock })).damage, []);
  },
);
