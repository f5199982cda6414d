import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { verifyLog } from '../../src/log/segments/inspect.ts';
import { systemClock } from '../../src/system/index.ts';
import { ServerProcess } from '../kit/server-process.ts';

const CHILD = fileURLToPath(new URL('../kit/server-child.ts', import.meta.url));
/** As two containers on one volume have it: no common pids, no common sockets, and process 1 in both. */
const CONTAINER = ['--fork', '--pid', '--mount-proc', '--net', '--kill-child'];
const WITHOUT_NAMESPACES =
  spawnSync('unshare', [...CONTAINER, 'true']).status === 0
    ? false
    : 'this user may not make namespaces, or there is no unshare(1)';

interface Contained {
  readonly process: ChildProcess;
  /** `true`: it listens; else what it said when it ended. */
  readonly outcome: Promise<true | string>;
}

function startContained(directory: string): Contained {
  const server = ['--import', 'tsx', CHILD, directory, '0', 'storage.postgres_dsn=none'];
  const child = spawn('unshare', [...CONTAINER, process.execPath, ...server], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const outcome = Promise.race([
    once(child.stdout, 'data').then((): true => true),
    once(child, 'close').then(() => errors),
  ]);
  return { process: child, outcome };
}

async function kill({ process: child }: Contained): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

test('given two servers in namespaces of their own on one data folder, when both start, then one serves, and the other says who does', {
  timeout: 120_000,
  skip: WITHOUT_NAMESPACES,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'commucat-containers-'));
  // The first start makes keys and certificates, which two at once would both make.
  const server = await ServerProcess.start([], directory);
  await server.stop();
  const contained: Contained[] = [];
  try {
    for (let round = 0; round < 2; round += 1) {
      const pair = [startContained(directory), startContained(directory)];
      contained.push(...pair);
      const outcomes = await Promise.all(pair.map(({ outcome }) => outcome));
      const refused = outcomes.filter((outcome) => outcome !== true);
      assert.equal(refused.length, 1, `round ${round}: ${refused.join('\n---\n')}`);
      assert.match(String(refused[0]), /process 1 on .* writes this log/);
      // SIGKILL of the one that serves leaves nothing that stops the next round.
      for (const one of pair) await kill(one);
    }
    assert.deepEqual((await verifyLog(join(directory, 'log'), { clock: systemClock })).damage, []);
  } finally {
    for (const one of contained) await kill(one);
    rmSync(directory, { recursive: true, force: true });
  }
});

test('given a running server whose lock is taken away, when it sees that, then it ends at once, says why, and an orderly start follows', async () => {
  await using server = await ServerProcess.start();
  rmSync(join(server.logDirectory, 'lock'));
  assert.equal(await server.exited(), 4);
  assert.match(server.errors, /does not own the log any more/);
  await server.start();
  assert.equal(await server.stop(), 0);
});
