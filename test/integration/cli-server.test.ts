import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { probeTls } from '../../cli/kit/tls-probe.ts';
import { commucat, RunningCommand, startDev, temporaryFolder } from './cli-support.ts';

function get(url: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request(url, { ca, agent: false }, (answer) => text(answer).then(resolve, reject))
      .on('error', reject)
      .end();
  });
}

test('given an empty folder, when dev starts with --json, then its only line says where it is and clients can trust it', async () => {
  await using folder = await temporaryFolder();
  const { server, ready } = await startDev(join(folder.path, 'data'));
  await using _ = server;
  assert.deepEqual(Object.keys(ready), ['url', 'domain', 'noise_public', 'ca_file', 'pid']);
  assert.equal(ready.pid, server.process.pid);
  assert.match(ready.url, /^https:\/\/127\.0\.0\.1:\d+\/connect$/);
  const ca = await readFile(ready.ca_file, 'utf8');
  const tls = await probeTls(ready.url, ca);
  assert.deepEqual([tls.protocol, tls.alpn, tls.distrust], ['TLSv1.3', 'h2', undefined]);
  const info = JSON.parse(await get(ready.url.replace('/connect', '/api/server-info'), ca)) as {
    domain: string;
    noise_public: string;
  };
  assert.deepEqual([info.domain, info.noise_public], [ready.domain, ready.noise_public]);
  assert.equal(await server.end('SIGTERM'), 0);
  assert.equal(server.lines.length, 1);
});

test('given a folder of dev, when it starts again, then keys, authority and configuration are the same', async () => {
  await using folder = await temporaryFolder();
  const first = await startDev(folder.path);
  const ca = await readFile(first.ready.ca_file, 'utf8');
  assert.equal(await first.server.end('SIGINT'), 0);
  const second = await startDev(folder.path, '--set', 'server.domain=chat.example');
  await using _ = second.server;
  assert.equal(second.ready.noise_public, first.ready.noise_public);
  assert.equal(await readFile(second.ready.ca_file, 'utf8'), ca);
  assert.equal(second.ready.domain, 'chat.example');
  for (const file of ['noise-keys.jsonl', 'federation-seed', 'control.sock', join('tls', 'key.pem')]) {
    assert.equal((await stat(join(folder.path, file))).mode & 0o777, 0o600, file);
  }
});

test('given a folder in use, when a second dev starts there, then it says so and ends with 1', async () => {
  await using folder = await temporaryFolder();
  const { server } = await startDev(folder.path);
  await using _ = server;
  const { code, stderr } = await commucat(['dev', '--data', folder.path, '--port', '0']);
  assert.equal(code, 1);
  assert.match(stderr, /^commucat dev: .*process \d+ on .+ writes this log/);
});

test('given a configuration with faults, when serve starts, then it names file, line and key of all of them and ends with 3', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'broken.toml');
  await writeFile(
    file,
    '[server]\ndomain = "a b"\nkeepalive = "soon"\ntls_cert = "c"\ntls_key = "k"\nbnid = "x:1"\n',
  );
  const { code, stderr, stdout } = await commucat(['serve', '--config', file]);
  assert.equal(code, 3);
  assert.equal(stdout, '');
  assert.ok(stderr.includes(`${file}:2: server.domain: found`), stderr);
  assert.ok(stderr.includes(`${file}:3: server.keepalive: found`), stderr);
  assert.match(stderr, /server\.bnid: found an unknown key; allowed: did you mean server\.bind\?/);
  assert.doesNotMatch(stderr, /\n\s+at /);
});

test('given a configuration that is missing, when serve starts, then it ends with 3', async () => {
  const { code, stderr } = await commucat(['serve', '--config', '/nowhere/commucat.toml']);
  assert.equal(code, 3);
  assert.match(stderr, /\/nowhere\/commucat\.toml/);
});

test('given a server in production, when SIGTERM comes, then its log is JSON to the last line and it ends with 0', async () => {
  await using folder = await temporaryFolder();
  const dev = await startDev(folder.path);
  assert.equal(await dev.server.end('SIGTERM'), 0);
  const file = join(folder.path, 'commucat.toml');
  const sets = ['server.bind=127.0.0.1:0', 'storage.postgres_dsn=none', 'telemetry.log_level=info'];
  await using server = new RunningCommand([
    'serve',
    '--config',
    file,
    ...sets.flatMap((set) => ['--set', set]),
  ]);
  await server.until(() => server.lines.some((line) => line.includes('"listening"')));
  assert.equal(await server.end('SIGTERM'), 0);
  const messages = server.lines.map((line) => (JSON.parse(line) as { message: string }).message);
  assert.equal(messages.at(-1), 'stopped');
  assert.equal(server.stderr, '');
});

test('given a damaged log, when serve starts, then it refuses with file and offset and ends with 4', async () => {
  await using folder = await temporaryFolder();
  const { server } = await startDev(folder.path);
  assert.equal(await server.end('SIGTERM'), 0);
  const segment = join(folder.path, 'log', 'facts-0000000001.seg');
  const bytes = await readFile(segment);
  bytes.writeUInt8((bytes[4] ?? 0) ^ 0xff, 4);
  await writeFile(segment, bytes);
  const { code, stderr } = await commucat(['dev', '--data', folder.path, '--port', '0']);
  assert.equal(code, 4, stderr);
  assert.match(stderr, /facts-0000000001\.seg/);
});

test('given wrong arguments, when a command runs, then it ends with 2 and without a stack', async () => {
  for (const args of [
    ['dev', '--port', '70000'],
    ['register'],
    ['log', 'tail', '-n', 'x'],
    ['actors', 'cat'],
  ]) {
    const { code, stderr } = await commucat(args);
    assert.equal(code, 2, args.join(' '));
    assert.doesNotMatch(stderr, /\n\s+at /);
  }
});

test('given any command, when --help is asked for, then exit codes and examples are there', async () => {
  const commands = [
    'actors',
    'chat',
    'demo',
    'dev',
    'diagnose',
    'migrate',
    'register',
    'register-user',
    'serve',
  ];
  const inLog = ['verify', 'stats', 'tail', 'show'].map((name) => `log ${name}`);
  for (const command of [...commands, ...inLog]) {
    const { code, stdout } = await commucat([...command.split(' '), '--help']);
    assert.equal(code, 0, command);
    assert.match(stdout, /EXAMPLES/, command);
    assert.match(stdout, /Exit codes:/, command);
  }
});
