import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { acceptKeys, beginHistory } from '../../cli/log/log-history.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { RestartableServer } from '../kit/restartable-server.ts';
import { WireClient } from '../kit/wire-client.ts';

const limits = { timeout: 120_000 };

const withCode =
  (code: string, words: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof Error && 'code' in error);
    assert.equal(error.code, code);
    assert.match(error.message, words);
    return true;
  };

test(
  'given a log without its facts, then no server starts, and when that is accepted no stranger gets the stored mail',
  limits,
  async () => {
    await using server = await RestartableServer.start();
    const alice = await WireClient.connect(server.address, 'alice');
    const bob = await WireClient.connect(server.address, 'bob');
    await alice.join(7, ['alice', 'bob']);
    await bob.join(7, ['alice', 'bob']);
    bob.close();
    assert.equal((await alice.say(7, 'for bob alone')).type, FRAME.ACK);
    await server.stop();
    await rm(join(server.data, 'log', 'facts-0000000001.seg'));
    await assert.rejects(server.start(), withCode('LOG_LOST', /facts: segment 1 is missing.*--accept-loss/));
    await assert.rejects(beginHistory(server.data, false), withCode('LOG_LOST', /facts/));
    assert.equal((await beginHistory(server.data, true)).losses.length, 1);
    await server.start();
    const mallory = WireClient.connect(server.address, 'bob', {
      key: 'mallory',
      hello: { user: { handle: 'mallory' } },
    });
    await assert.rejects(mallory, /pairing_required/);
    // The sender, too, has been here before; whom nobody has mail for may come.
    await assert.rejects(WireClient.connect(server.address, 'alice'), /pairing_required/);
    (await WireClient.connect(server.address, 'carol')).close();
  },
);

test(
  'given a log of a version that named no history, when its facts are gone, then no server starts',
  limits,
  async () => {
    await using server = await RestartableServer.start();
    const alice = await WireClient.connect(server.address, 'alice');
    alice.close();
    await server.stop();
    await rm(join(server.data, 'log', 'facts-0000000001.seg'));
    await rm(join(server.data, 'log', 'history.json'));
    await assert.rejects(server.start(), withCode('LOG_LOST', /no facts at all/));
  },
);

for (const [key, file] of [
  ['crypto.noise_key_file', 'noise-keys.jsonl'],
  ['crypto.federation_seed_file', 'federation-seed'],
] as const) {
  test(
    `given a log that knows the keys of its server, when ${file} is missing or another, then the start says what to do`,
    limits,
    async () => {
      await using server = await RestartableServer.start();
      await server.stop();
      const path = join(server.data, file);
      const content = await readFile(path, 'utf8');
      await rm(path);
      await assert.rejects(
        server.start(),
        withCode('SERVER_KEYS_MISSING', new RegExp(`${file}.*accept-keys`)),
      );
      await assert.rejects(readFile(path), { code: 'ENOENT' });
      const foreign = content.replaceAll(/[0-9a-f]{64}/g, 'ab'.repeat(32));
      await writeFile(path, foreign, { mode: 0o600 });
      await assert.rejects(
        server.start(),
        withCode('SERVER_KEYS_FOREIGN', new RegExp(`${key}.*accept-keys`)),
      );
      await acceptKeys(server.config);
      await server.start();
      await server.stop();
      // What was known once stays known.
      await writeFile(path, content, { mode: 0o600 });
      await server.start();
    },
  );
}
