import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { STREAMS } from '../../src/events/streams.ts';
import { openSegmentLog } from '../../src/log/segments/open-segment-log.ts';
import { systemClock } from '../../src/system/index.ts';
import { commucat, RunningCommand, startDev, temporaryFolder } from './cli-support.ts';

interface Verified {
  readonly clean: boolean;
  readonly live: boolean;
  readonly events: number;
  readonly damage: readonly { readonly message: string }[];
}

test('given a log in use, when it is verified, counted and listed, then it is clean and shows its events', async () => {
  await using folder = await temporaryFolder();
  const data = ['--data', folder.path];
  const { server } = await startDev(folder.path);
  await using _ = server;
  assert.equal((await commucat(['register', 'alice', ...data])).code, 0);
  const verified = await commucat(['log', 'verify', '--json', ...data]);
  assert.equal(verified.code, 0, verified.stderr);
  const report = JSON.parse(verified.stdout) as Verified;
  assert.deepEqual([report.clean, report.live], [true, true]);
  const stats = await commucat(['log', 'stats', ...data]);
  assert.match(stats.stdout, /user +1/);
  const tail = await commucat(['log', 'tail', '-n', '2', '--json', ...data]);
  const types = tail.stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { type: string }).type);
  assert.deepEqual(types, ['handle.reserved', 'user.registered']);
  const nothing = await commucat(['log', 'show', STREAMS.user.stream('nobody'), ...data]);
  assert.equal(nothing.code, 1);
});

test('given a follower of the log, when something is appended, then it prints that, and SIGINT ends it with 0', async () => {
  await using folder = await temporaryFolder();
  const data = ['--data', folder.path];
  const { server } = await startDev(folder.path);
  await using _ = server;
  await using follower = new RunningCommand(['log', 'tail', '-n', '1', '--follow', ...data]);
  await follower.line(0);
  assert.equal((await commucat(['register', 'alice', ...data])).code, 0);
  await follower.until(() =>
    follower.lines.some((line) => line.includes(`${STREAMS.handle.stream('alice')}@0`)),
  );
  assert.equal(await follower.end('SIGINT'), 0);
});

test('given a message in the log, when it is shown, then its payload is only a size unless it is asked for', async () => {
  await using folder = await temporaryFolder();
  const data = ['--data', folder.path];
  const { server } = await startDev(folder.path);
  await using _ = server;
  const chat = (as: string, peer: string, input: string) =>
    commucat(['chat', peer, '--as', as, '--channel', '7', ...data], { input });
  for (const [as, peer, input] of [
    ['alice', 'bob', ''],
    ['bob', 'alice', ''],
    ['alice', 'bob', 'a secret\n'],
  ] as const) {
    assert.deepEqual(await chat(as, peer, input).then(({ code, stderr }) => (code === 0 ? 0 : stderr)), 0);
  }
  const letter = (lines: string): Record<string, unknown> => {
    const events = lines
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; data: object });
    return { ...events.find(({ type }) => type === 'mail.posted')?.data };
  };
  const plain = letter((await commucat(['log', 'tail', '-n', '100', '--json', ...data])).stdout);
  const payload = '{"sender":"alice","text":"a secret"}';
  assert.equal(plain.payload_bytes, payload.length);
  assert.equal(plain.payload_base64, undefined);
  const full = letter((await commucat(['log', 'tail', '-n', '100', '--json', '--payload', ...data])).stdout);
  assert.equal(Buffer.from(String(full.payload_base64), 'base64').toString(), payload);
  const bob = await chat('bob', 'alice', '');
  assert.equal(bob.code, 0);
});

test('given one flipped bit, when the log is verified, then it says where and ends with 4', async () => {
  await using folder = await temporaryFolder();
  const data = ['--data', folder.path];
  const { server } = await startDev(folder.path);
  for (const handle of ['alice', 'bob', 'carol']) {
    assert.equal((await commucat(['register', handle, ...data])).code, 0);
  }
  assert.equal(await server.end('SIGTERM'), 0);
  const segment = join(folder.path, 'log', 'facts-0000000001.seg');
  const bytes = await readFile(segment);
  const at = bytes.indexOf(STREAMS.handle.stream('alice'));
  bytes.writeUInt8((bytes[at] ?? 0) ^ 1, at);
  await writeFile(segment, bytes);
  const { code, stdout } = await commucat(['log', 'verify', '--json', ...data]);
  assert.equal(code, 4);
  const { clean, damage } = JSON.parse(stdout) as Verified;
  assert.equal(clean, false);
  assert.match(damage[0]?.message ?? '', /facts-0000000001\.seg.*offset \d+/);
  const plain = await commucat(['log', 'verify', ...data]);
  assert.equal(plain.code, 4);
  assert.match(plain.stdout, /DAMAGE {3}facts: .*offset \d+/);
});

test('given a folder without a log, when it is verified, then that is no clean log', async () => {
  await using folder = await temporaryFolder();
  const { code, stderr } = await commucat(['log', 'verify', '--data', folder.path]);
  assert.equal(code, 3);
  assert.match(stderr, /there is no log/);
});

test('given a log that has lost a file, when its operator accepts the loss, then a new history begins and the log is clean', async () => {
  await using folder = await temporaryFolder();
  const data = ['--data', folder.path];
  const directory = join(folder.path, 'log');
  {
    await using log = await openSegmentLog({ directory, clock: systemClock, segmentSize: 65_536 });
    for (const stream of [STREAMS.user.stream('a'), STREAMS.mail.stream('a')]) {
      await log.append([{ stream, expected: 'any', events: [{ type: 't', data: Buffer.alloc(9) }] }]);
    }
  }
  await rm(join(directory, 'mail-0000000001.seg'));
  const damaged = await commucat(['log', 'verify', ...data]);
  assert.equal(damaged.code, 4);
  assert.match(damaged.stdout, /DAMAGE +mail: .*segment 1 is missing/);
  const refused = await commucat(['log', 'restored', ...data]);
  assert.equal(refused.code, 4);
  assert.match(refused.stderr, /--accept-loss/);
  const accepted = await commucat(['log', 'restored', '--accept-loss', ...data]);
  assert.equal(accepted.code, 0, accepted.stderr);
  const [, epoch = ''] = /history ([0-9a-f]{32}) begins/.exec(accepted.stdout) ?? [];
  const verified = await commucat(['log', 'verify', ...data]);
  assert.equal(verified.code, 0);
  assert.match(verified.stdout, new RegExp(`history +${epoch} \\(lost\\)`));
});
