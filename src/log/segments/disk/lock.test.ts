import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { Scheduler } from '../../../../test/kit/scheduler.ts';
import { mail, user } from '../../../../test/kit/stream-names.ts';
import { until } from '../../../../test/kit/waiting.ts';
import { systemRandom } from '../../../system/index.ts';
import type { StreamName } from '../../event-log.ts';
import type { LogError } from '../../log-error.ts';
import { segmentPath } from '../files/segment.ts';
import { verifyLog } from '../inspect.ts';
import { openSegmentLog } from '../open-segment-log.ts';
import type { SegmentLog } from '../segment-log.ts';
import { isLocked, LogLock } from './lock.ts';

let root = '';
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'commucat-lock-'));
});
after(() => rm(root, { recursive: true, force: true }));
const newDirectory = (): Promise<string> => mkdtemp(join(root, 'log-'));

const append = (log: SegmentLog, stream: StreamName, data: string) =>
  log.append([{ stream, expected: 'any', events: [{ type: 't', data: Buffer.from(data) }] }]);

/** Tries to open the log, says how that went, and holds it. */
const OPENER = `
import { openSegmentLog } from './src/log/segments/open-segment-log.ts';
import { systemClock } from './src/system/system-clock.ts';
try {
  await openSegmentLog({ directory: process.argv[1], clock: systemClock });
  process.stdout.write('opened\\n');
} catch (error) {
  process.stdout.write(error.code + ' ' + error.message + '\\n');
  process.exit(0);
}
setInterval(() => undefined, 1000);
`;

async function opener(directory: string): Promise<{ readonly child: ChildProcess; readonly said: string }> {
  const args = ['--import', 'tsx', '--input-type=module', '-e', OPENER, directory];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = (await once(createInterface({ input: child.stdout ?? process.stdin }), 'line')) as [string];
  return { child, said };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

test('given a second opener in the same process, when the first is open, then it is refused by name, and not when it is closed', async () => {
  const directory = await newDirectory();
  const clock = new Scheduler();
  const log = await openSegmentLog({ directory, clock });
  assert.equal(await isLocked(directory), true);
  await assert.rejects(openSegmentLog({ directory, clock }), {
    code: 'LOG_LOCKED',
    message: new RegExp(`process ${process.pid} on `),
  });
  await append(log, mail('a'), 'still ours');
  await log[Symbol.asyncDispose]();
  assert.equal(await isLocked(directory), false);
  await (await openSegmentLog({ directory, clock }))[Symbol.asyncDispose]();
});

test('given several processes that start at once, when they open one log, then exactly one has it, and SIGKILL frees it', async () => {
  const directory = await newDirectory();
  const openers = await Promise.all([1, 2, 3, 4].map(() => opener(directory)));
  const said = openers.map((one) => one.said.split(' ')[0]).sort();
  assert.deepEqual(said, ['LOG_LOCKED', 'LOG_LOCKED', 'LOG_LOCKED', 'opened']);
  for (const { child } of openers) await end(child);
  await (await openSegmentLog({ directory, clock: new Scheduler() }))[Symbol.asyncDispose]();
});

test('given the lock file of an older version or garbage in it, when opened, then nobody holds it', async () => {
  const directory = await newDirectory();
  for (const text of [`{"pid":${process.pid}}`, '', 'x'.repeat(5000)]) {
    await writeFile(join(directory, 'lock'), text);
    assert.equal(await isLocked(directory), false);
    await (await openSegmentLog({ directory, clock: new Scheduler() }))[Symbol.asyncDispose]();
  }
});

test('given a file system that cannot lock, when opened, then the message says so and what to do', async () => {
  const directory = await newDirectory();
  const tryLock = (): boolean => {
    throw Object.assign(new Error('no locks available'), { code: 'ENOLCK' });
  };
  await assert.rejects(
    LogLock.acquire(directory, systemRandom, { tryLock, waitForLock: async () => undefined }),
    {
      code: 'LOG_UNAVAILABLE',
      message: /cannot lock files \(ENOLCK\): keep the log on a disk of this machine/,
    },
  );
});

/** Ways in which a lock can end without the kernel saying so; each lets another process in. */
const TAKEN: readonly (readonly [string, (directory: string) => Promise<void>])[] = [
  ['removed', (directory) => unlink(join(directory, 'lock'))],
  [
    'replaced',
    async (directory) => {
      await copyFile(join(directory, 'lock'), join(directory, 'lock.new'));
      await rename(join(directory, 'lock.new'), join(directory, 'lock'));
    },
  ],
  [
    'written by a machine whose locks this one does not see',
    async (directory) => {
      const text = await readFile(join(directory, 'lock'), 'utf8');
      await writeFile(join(directory, 'lock'), text.replace(/"instance":"\w{4}/, '"instance":"0000'));
    },
  ],
];

for (const [how, take] of TAKEN) {
  test(`given a lock file that was ${how}, when the next segment begins or some seconds pass, then the log is lost: it says so once and changes nothing more`, async () => {
    for (const when of ['segment', 'seconds'] as const) {
      const directory = await newDirectory();
      const clock = new Scheduler();
      const lost: LogError[] = [];
      const onLost = (error: LogError): void => void lost.push(error);
      const log = await openSegmentLog({ directory, clock, segmentSize: 4096, onLost });
      await append(log, mail('a'), 'o'.repeat(2000));
      await take(directory);
      if (when === 'seconds') {
        clock.sleep(5000);
        await until(() => lost.length > 0);
      } else {
        await assert.rejects(append(log, mail('a'), 'x'.repeat(2500)), { code: 'LOG_UNAVAILABLE' });
      }
      assert.deepEqual(
        lost.map((error) => error.code),
        ['LOG_LOCKED'],
      );
      await writeFile(join(directory, 'mail.spare'), "another's");
      const before = await readdir(directory);
      await assert.rejects(append(log, mail('a'), 'refused'), { code: 'LOG_UNAVAILABLE' });
      await assert.rejects(append(log, user('a'), 'refused'), { code: 'LOG_UNAVAILABLE' });
      await log.maintain();
      await log[Symbol.asyncDispose]();
      assert.deepEqual(await readdir(directory), before);
      assert.equal(lost.length, 1);
      assert.deepEqual((await verifyLog(directory, { clock })).damage, []);
    }
  });
}

test("given another's segment where the next one would begin, when it begins, then it is left as it is and the log is lost", async () => {
  const directory = await newDirectory();
  const lost: LogError[] = [];
  const onLost = (error: LogError): void => void lost.push(error);
  const log = await openSegmentLog({ directory, clock: new Scheduler(), segmentSize: 4096, onLost });
  await append(log, mail('a'), 'o'.repeat(2000));
  const path = segmentPath(directory, 'mail', 2);
  await writeFile(path, "another's");
  await assert.rejects(append(log, mail('a'), 'x'.repeat(2500)), { code: 'LOG_UNAVAILABLE' });
  assert.equal(lost.length, 1);
  await log[Symbol.asyncDispose]();
  assert.equal(await readFile(path, 'utf8'), "another's");
});
