// SIGTERM, SIGINT and SIGHUP from the first line on, and with peers that wait.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { commucat, PROGRAM, RunningCommand, startDev, temporaryFolder } from './cli-support.ts';

const SERVER = fileURLToPath(new URL('../../bin/commucat-server.js', import.meta.url));

/** Loaded before the program: says when signals are listened to, and whether much was loaded before. */
const WATCH = `
import { Module } from 'node:module';
import { writeSync } from 'node:fs';
process.on('newListener', (name) => {
  if (name !== 'SIGHUP') return;
  const loaded = Object.keys(Module._cache ?? {}).some((file) => file.includes('@oclif'));
  writeSync(2, loaded ? 'late\\n' : 'held\\n');
});
`;

/** A folder that a server has used, with its configuration. */
async function prepared(folder: string): Promise<string[]> {
  const { server } = await startDev(folder);
  assert.equal(await server.end('SIGTERM'), 0);
  const sets = ['server.bind=127.0.0.1:0', 'storage.postgres_dsn=none', 'telemetry.log_level=info'];
  return ['--config', join(folder, 'commucat.toml'), ...sets.flatMap((set) => ['--set', set])];
}

/** Starts a server and sends it a signal at the first moment in which it listens to signals. */
async function signalAtFirstLine(folder: string, program: readonly string[], signal: NodeJS.Signals) {
  const watch = join(folder, 'watch.mjs');
  await writeFile(watch, WATCH);
  const child = spawn(process.execPath, ['--import', watch, ...program]);
  const output: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => output.push(line));
  const [first] = (await once(createInterface({ input: child.stderr }), 'line')) as [string];
  assert.equal(first, 'held');
  child.kill(signal);
  return { child, output };
}

for (const [name, program] of [
  ['commucat serve', [PROGRAM, 'serve']],
  ['commucat-server', [SERVER]],
] as const) {
  test(`given ${name} that has just been started, when SIGTERM comes, then nothing listens and it ends with 0`, async () => {
    await using folder = await temporaryFolder();
    const args = await prepared(folder.path);
    const { child, output } = await signalAtFirstLine(folder.path, [...program, ...args], 'SIGTERM');
    assert.deepEqual(await once(child, 'close'), [0, null]);
    const messages = output.map((line) => (JSON.parse(line) as { message: string }).message);
    assert.equal(messages.at(-1), 'stopped');
    assert.ok(!messages.includes('listening'), messages.join());
    const { stdout } = await commucat(['log', 'verify', '--data', folder.path]);
    assert.match(stdout, /clean/);
  });

  test(`given ${name} that has just been started, when SIGHUP comes, then it starts and has the newest certificate`, async () => {
    await using folder = await temporaryFolder();
    const args = await prepared(folder.path);
    const { child, output } = await signalAtFirstLine(folder.path, [...program, ...args], 'SIGHUP');
    while (!output.some((line) => line.includes('TLS certificate is as it was'))) {
      await once(child.stdout, 'data');
    }
    assert.ok(output.some((line) => line.includes('"listening"')));
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'close'), [0, null]);
  });
}

test('given a connection on the control socket that asks nothing, when SIGTERM comes, then the server ends with 0', async () => {
  await using folder = await temporaryFolder();
  await using server = (await startDev(folder.path)).server;
  const silent = connect(join(folder.path, 'control.sock'));
  const half = connect(join(folder.path, 'control.sock'));
  await Promise.all([once(silent, 'connect'), once(half, 'connect')]);
  half.write('POST /register HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{');
  // Being cut off is an error for one of them, and no matter here.
  const ends = [silent, half].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
  for (const socket of [silent, half]) socket.on('error', () => undefined).resume();
  assert.equal(await server.end('SIGTERM'), 0);
  await Promise.all(ends);
});

test('given dev in a terminal, when the terminal is closed, then the server ends in order', async () => {
  await using folder = await temporaryFolder();
  await using server = (await startDev(folder.path)).server;
  assert.equal(await server.end('SIGHUP'), 0);
  const { stdout } = await commucat(['log', 'verify', '--data', folder.path]);
  assert.match(stdout, /clean\n$/);
});

test('given a server that is ending, when a second signal comes, then it ends at once with 1', async () => {
  await using folder = await temporaryFolder();
  const args = ['--set', 'server.drain_delay_ms=60000', '--set', 'telemetry.log_level=info'];
  await using server = (await startDev(folder.path, ...args)).server;
  server.process.kill('SIGTERM');
  await server.until(() => server.stderr.includes('shutting down'));
  assert.equal(await server.end('SIGTERM'), 1);
});

test('given log tail --follow, when the terminal is closed, then it ends with 0', async () => {
  await using folder = await temporaryFolder();
  const { server } = await startDev(folder.path);
  assert.equal(await server.end('SIGTERM'), 0);
  await using tail = new RunningCommand(['log', 'tail', '--follow', '--data', folder.path]);
  await tail.line(0);
  assert.equal(await tail.end('SIGHUP'), 0);
});
