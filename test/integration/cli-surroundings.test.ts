// Users without a name, folders with names for a shell, paths that are too long for a socket.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chown, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { commucat, PROGRAM, RunningCommand, startDev, temporaryFolder } from './cli-support.ts';

/** A uid that no system gives a name to. */
const NOBODY = 1_234_567;

/** Runs a command as a user without a passwd entry, with nothing but PATH in its environment. */
function asNobody(
  args: readonly string[],
  cwd: string,
): { readonly code: number | null; readonly output: string } {
  const identity = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
  const bare = ['env', '-i', `PATH=${process.env.PATH ?? ''}`];
  const { status, stdout, stderr } = spawnSync('setpriv', [...identity, ...bare, ...args], {
    cwd,
    encoding: 'utf8',
  });
  return { code: status, output: `${stdout}${stderr}` };
}

function namelessProblem(): string | false {
  if (process.getuid?.() !== 0) return 'only root can become a user without a name';
  const { code } = asNobody([process.execPath, '-e', `fs.readFileSync(${JSON.stringify(PROGRAM)})`], '/');
  return code === 0 ? false : 'setpriv does not work here, or others cannot read this checkout';
}
const nameless = namelessProblem();

test('given a uid without a name and no SHELL, when commands run, then they work', {
  skip: nameless,
}, async () => {
  await using folder = await temporaryFolder();
  await chown(folder.path, NOBODY, NOBODY);
  const run = (...args: string[]) => asNobody([process.execPath, PROGRAM, ...args], folder.path);
  for (const args of [['--help'], ['--version'], ['actors'], ['serve', '--help']]) {
    const { code, output } = run(...args);
    assert.equal(code, 0, `${args.join(' ')}: ${output}`);
  }
  const missing = run('serve', '--config', '/nowhere.toml');
  assert.equal(missing.code, 3, missing.output);
  assert.match(missing.output, /\/nowhere\.toml/);
});

test('given folders with names for a shell, when a server with its database runs there, then no shell sees them', async () => {
  await using folder = await temporaryFolder();
  const name = 'a $(exit 3) `exit 4` "b" \'c\' \\ ;&|\nd';
  const data = join(folder.path, name);
  const info = ['--set', 'telemetry.log_level=info'];
  await using server = new RunningCommand(['dev', '--data', data, '--port', '0', '--json', ...info]);
  await server.until(() => /projections are running here|read models are not available/.test(server.stderr));
  // Where PostgreSQL cannot run at all, the tests of the read models say so.
  if (!/cannot reach|no embedded PostgreSQL/.test(server.stderr)) {
    assert.match(server.stderr, /projections are running here/);
  }
  const registered = await commucat(['register', 'alice', '--data', data]);
  assert.equal(registered.code, 0, registered.stderr);
  assert.equal(await server.end('SIGTERM'), 0, server.stderr);
  assert.match((await commucat(['log', 'verify', '--data', data])).stdout, /clean\n$/);
  assert.deepEqual(await readdir(folder.path), [name]);
});

test('given a data folder whose path is too long for a socket, when a user is registered, then the message says what to do', async () => {
  await using folder = await temporaryFolder();
  const data = join(folder.path, 'x'.repeat(90));
  await using server = (await startDev(data)).server;
  assert.match(server.stderr, /too long for a socket \(\d+ bytes of at most 103\)/);
  const { code, stderr } = await commucat(['register', 'alice', '--data', data]);
  assert.equal(code, 1);
  assert.match(stderr, /too long for a socket .* stop the server first/);
});
