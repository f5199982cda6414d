// `commucat serve` and `dev` where standard output takes nothing.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { until } from '../kit/waiting.ts';
import { PROGRAM, startDev, temporaryFolder } from './cli-support.ts';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function get(port: number, path: string, ca: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, ca, agent: false };
    request(options, (answer) => text(answer).then(resolve, reject))
      .on('error', reject)
      .end();
  });
}

interface Served {
  readonly ask: (path: string) => Promise<string>;
  readonly port: number;
  readonly end: (signal: NodeJS.Signals) => Promise<number | null>;
}

/** A server of the folder that writes its log to a descriptor: that it listens is found out by asking. */
async function serve(folder: string, stdout: number): Promise<Served & AsyncDisposable> {
  const port = await freePort();
  const sets = [`server.bind=127.0.0.1:${port}`, 'storage.postgres_dsn=none', 'telemetry.log_level=debug'];
  const args = ['serve', '--config', join(folder, 'commucat.toml'), ...sets.flatMap((set) => ['--set', set])];
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', stdout, 'inherit'] });
  const exit = once(child, 'exit');
  const ca = await readFile(join(folder, 'tls', 'ca.pem'));
  const ask = (path: string): Promise<string> => get(port, path, ca);
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    return (await exit)[0] as number | null;
  };
  await until(() => {
    assert.equal(child.exitCode, null, 'it has ended');
    return ask('/healthz').then(
      () => true,
      () => false,
    );
  }, 'a server that answers');
  const isGone = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return { ask, port, end, [Symbol.asyncDispose]: async () => void (isGone() || (await end('SIGKILL'))) };
}

/** What is no TLS is a line of the log, with level debug. */
async function beRefused(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  socket.end('GET / HTTP/1.1\r\n\r\n');
  socket.resume();
  await closed;
}

async function prepared(folder: string): Promise<void> {
  const { server } = await startDev(folder);
  assert.equal(await server.end('SIGTERM'), 0);
}

test('given a full disk below standard output, when the server runs, then it serves, counts lost lines and ends in order', async () => {
  await using folder = await temporaryFolder();
  await prepared(folder.path);
  const full = openSync('/dev/full', 'w');
  await using server = await serve(folder.path, full);
  closeSync(full);
  assert.match(await server.ask('/metrics'), /^commucat_log_lines_lost_total 0$/m);
  let lost = 0;
  while (lost === 0) {
    await Promise.all(Array.from({ length: 100 }, () => beRefused(server.port)));
    lost = Number(/^commucat_log_lines_lost_total (\d+)$/m.exec(await server.ask('/metrics'))?.[1]);
  }
  assert.ok(lost > 0);
  assert.equal(await server.end('SIGTERM'), 0);
});

test('given a full pipe that nobody reads as standard output, when the server runs, then it serves and ends in order', async () => {
  await using folder = await temporaryFolder();
  await prepared(folder.path);
  const path = join(folder.path, 'output');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const pipe = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  writeSync(pipe, Buffer.alloc(1_048_576));
  // The server's end is one on which writing waits, as the shell makes them.
  const blocking = openSync(path, constants.O_WRONLY);
  await using server = await serve(folder.path, blocking);
  assert.match(await server.ask('/healthz'), /healthy/);
  assert.equal(await server.end('SIGTERM'), 0);
  for (const descriptor of [reader, pipe, blocking]) closeSync(descriptor);
});

test('given a reader of standard output that has gone, when dev runs, then it serves and ends in order', async () => {
  await using folder = await temporaryFolder();
  await using server = (await startDev(folder.path, '--set', 'telemetry.log_level=debug')).server;
  const { stdout, stderr } = server.process;
  stdout?.destroy();
  stderr?.destroy();
  const { url } = JSON.parse(await readFile(join(folder.path, 'dev.json'), 'utf8')) as { url: string };
  const port = Number(new URL(url).port);
  const ca = await readFile(join(folder.path, 'tls', 'ca.pem'));
  for (let round = 0; round < 3; round += 1) await beRefused(port);
  assert.match(await get(port, '/healthz', ca), /healthy/);
  server.process.kill('SIGTERM');
  assert.deepEqual(await once(server.process, 'exit'), [0, null]);
});
