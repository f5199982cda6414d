// What commands say of themselves: exit codes, printed text, what they leave behind.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { getEventListeners, once } from 'node:events';
import { chmod, mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { linesOf } from '../../cli/kit/lines-of.ts';
import { printable, printableLines } from '../../cli/kit/printable.ts';
import { tailLog } from '../../src/log/segments/inspect.ts';
import { systemClock } from '../../src/system/index.ts';
import { commucat, PROGRAM, RunningCommand, startDev, temporaryFolder } from './cli-support.ts';

async function collect<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** A folder that a server has used. */
async function used(folder: string): Promise<void> {
  const { server } = await startDev(folder);
  assert.equal(await server.end('SIGTERM'), 0);
}

test('given a full disk below the output, when commands print, then they end with 1 and say so', async () => {
  await using folder = await temporaryFolder();
  await used(folder.path);
  for (const command of ['log tail', 'log verify', 'log stats', 'actors', 'register alice']) {
    await using full = await open('/dev/full', 'w');
    const data = command === 'actors' ? [] : ['--data', folder.path];
    const child = spawn(process.execPath, [PROGRAM, ...command.split(' '), ...data], {
      stdio: ['ignore', full.fd, 'pipe'],
    });
    const complaint = text(child.stderr ?? Readable.from([]));
    assert.deepEqual(await once(child, 'exit'), [1, null], command);
    assert.match(await complaint, /^commucat [a-z ]+: the output could not be written: ENOSPC/, command);
  }
});

test('given a reader that has seen enough, when commands print, then they end with 0 and say nothing', async () => {
  await using folder = await temporaryFolder();
  await used(folder.path);
  const child = spawn(process.execPath, [PROGRAM, 'log', 'tail', '--data', folder.path]);
  child.stdout.destroy();
  const complaint = text(child.stderr);
  assert.deepEqual(await once(child, 'exit'), [0, null]);
  assert.equal(await complaint, '');
});

test('given a line that cannot be sent, when a chat ends, then its exit code says so, also after /quit', async () => {
  await using folder = await temporaryFolder();
  await using _ = (await startDev(folder.path)).server;
  const alice = ['chat', '--data', folder.path, '--as', 'alice', 'bob'];
  const long = 'x'.repeat(70_000);
  for (const input of [`hello\n${long}\n`, `${long}\n/quit\n`]) {
    const { code, stderr } = await commucat(alice, { input });
    assert.equal(code, 1, stderr);
    assert.match(stderr, /lines that were not sent: 1/);
  }
  const fine = await commucat(alice, { input: 'hello\n/quit\n' });
  assert.equal(fine.code, 0, fine.stderr);
  assert.match(fine.stderr, /bob has not joined yet/);
});

test('given text that commands terminals, when it is printed, then it is shown and not obeyed', () => {
  const overrides = '\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff';
  const controls = '\u0000\u0007\u001b\u007f\u009b\u2028\u2029';
  for (const character of `${overrides}${controls}`) {
    assert.equal(
      printable(`a${character}b`),
      `a\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}b`,
    );
  }
  const kept = 'Grüße, 日本語, \u{1f469}\u200d\u{1f4bb}, \u05e9\u05dc\u05d5\u05dd';
  assert.equal(printable(kept), kept);
  assert.equal(printableLines('a\nb\u001b'), 'a\nb\\u001b');
  const tag = { text: `\u{e0041}${overrides}${controls}` };
  assert.deepEqual(JSON.parse(printable(JSON.stringify(tag))), tag);
});

test('given separators that are no line feeds, when lines are read, then they do not split them', async () => {
  const lines = ['a\u2028b', 'c\u2029d\u0085e', '', 'f\rg', '日本'];
  const bytes = Buffer.from(`${lines.join('\r\n')}\nlast`);
  const oneByOne = Readable.from([...bytes].map((byte) => Buffer.of(byte)));
  assert.deepEqual(await collect(linesOf(oneByOne)), [...lines, 'last']);
});

test('given a chat, when a line with separators and overrides is written, then the other side prints one line of it', async () => {
  await using folder = await temporaryFolder();
  await using _ = (await startDev(folder.path)).server;
  await using bob = new RunningCommand(['chat', '--data', folder.path, '--as', 'bob', '--stay', 'alice']);
  await bob.until(() => bob.stderr.includes('connected'));
  const alice = ['chat', '--data', folder.path, '--as', 'alice', 'bob'];
  const sent = await commucat(alice, { input: 'one\u2028two\u202e\u001b[2J\nthree\n' });
  assert.equal(sent.code, 0, sent.stderr);
  await bob.until(() => bob.lines.length >= 2);
  assert.deepEqual(bob.lines, ['alice: one\\u2028two\\u202e\\u001b[2J', 'alice: three']);
});

test('given a follower of the log, when it has looked many times, then it has one listener at most', async () => {
  await using folder = await temporaryFolder();
  await used(folder.path);
  const ending = new AbortController();
  let looks = 0;
  const clock = {
    ...systemClock,
    after: (_delay: number, callback: () => void) => {
      looks += 1;
      assert.ok(getEventListeners(ending.signal, 'abort').length <= 1);
      setImmediate(() => (looks === 30 ? ending.abort() : callback()));
      return () => undefined;
    },
  };
  const options = { clock, follow: true, signal: ending.signal };
  await collect(tailLog(join(folder.path, 'log'), 1, options));
  assert.equal(looks, 30);
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`given a demo, when ${signal} interrupts it, then no server, keys or folders are left behind`, async () => {
    await using folder = await temporaryFolder();
    const child = spawn(process.execPath, [PROGRAM, 'demo', '--seconds', '30'], {
      env: { ...process.env, TMPDIR: folder.path },
    });
    let output = '';
    await new Promise<void>((resolve) =>
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes('bob     is online')) resolve();
      }),
    );
    const pid = Number(/process (\d+)/.exec(output)?.[1]);
    const exit = once(child, 'exit');
    child.kill(signal);
    assert.deepEqual(await exit, [1, null]);
    assert.deepEqual(await readdir(folder.path), []);
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  });
}

async function configuration(folder: string, key: string): Promise<string> {
  await used(join(folder, 'dev'));
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const cipher = { cipher: 'aes-256-cbc', passphrase: 'secret' } as const;
  await writeFile(
    join(folder, 'encrypted.pem'),
    privateKey.export({ type: 'pkcs8', format: 'pem', ...cipher }),
  );
  await writeFile(join(folder, 'sec1.pem'), privateKey.export({ type: 'sec1', format: 'pem', ...cipher }));
  const file = join(folder, 'commucat.toml');
  const keys = [`tls_cert = "dev/tls/cert.pem"`, `tls_key = "${key}"`, 'domain = "localhost"'];
  const rest = ['[storage]', 'data_dir = "new/data"', 'postgres_dsn = "none"'];
  await writeFile(file, ['[server]', 'bind = "127.0.0.1:0"', ...keys, ...rest].join('\n'));
  return file;
}

for (const key of ['encrypted.pem', 'sec1.pem']) {
  test(`given ${key}, a key with a passphrase, when serve starts, then it is called that and nothing is left behind`, async () => {
    await using folder = await temporaryFolder();
    const file = await configuration(folder.path, key);
    const before = await readdir(folder.path);
    const { code, stderr } = await commucat(['serve', '--config', file]);
    assert.equal(code, 3, stderr);
    assert.match(stderr, /\.pem is encrypted: .*openssl pkey/);
    assert.deepEqual(await readdir(folder.path), before);
  });
}

test('given a port that is taken, when servers are refused, then they leave nothing behind in fresh folders', async () => {
  await using folder = await temporaryFolder();
  const file = await configuration(folder.path, 'dev/tls/key.pem');
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const address = other.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const before = await readdir(folder.path);
  const bind = ['--set', `server.bind=127.0.0.1:${port}`];
  const served = await commucat(['serve', '--config', file, ...bind]);
  assert.equal(served.code, 1);
  assert.match(served.stderr, new RegExp(`EADDRINUSE.*${port}`));
  const dev = await commucat(['dev', '--data', join(folder.path, 'a', 'b'), '--port', String(port)]);
  assert.equal(dev.code, 1);
  const wrong = await commucat(['dev', '--data', join(folder.path, 'c'), '--set', 'server.domain=a b']);
  assert.equal(wrong.code, 3);
  assert.deepEqual(await readdir(folder.path), before);
  other.close();
});

test('given files that others may read or change, when the server starts and is diagnosed, then each is a warning with advice', async () => {
  await using folder = await temporaryFolder();
  const file = await configuration(folder.path, 'dev/tls/key.pem');
  const [data, key] = [join(folder.path, 'new', 'data'), join(folder.path, 'dev', 'tls', 'key.pem')];
  await mkdir(data, { recursive: true });
  await writeFile(
    file,
    (await readFile(file, 'utf8')).replace('"none"', '"postgres://u:hunter2@127.0.0.1:9/x"'),
  );
  for (const [path, mode] of [
    [data, 0o777],
    [key, 0o644],
    [file, 0o644],
  ] as const) {
    await chmod(path, mode);
  }
  await using server = new RunningCommand(['serve', '--config', file, '--set', 'telemetry.log_level=info']);
  await server.until(() => server.lines.some((line) => line.includes('"listening"')));
  assert.equal(await server.end('SIGTERM'), 0);
  const said = server.lines.join('\n');
  const diagnosed = await commucat(['diagnose', '--config', file, '--no-handshake']);
  for (const output of [said, diagnosed.stdout]) {
    for (const path of [key, file]) assert.ok(output.includes(`${path} can be read by others`), output);
    assert.ok(output.includes(`chmod 700 ${data}`), output);
    assert.doesNotMatch(output, /hunter2/);
  }
});

test('given root and a server that has never run, when a user is registered, then it is refused and nothing is created', {
  skip: process.getuid?.() === 0 ? false : 'only root leaves files that others cannot use',
}, async () => {
  await using folder = await temporaryFolder();
  const file = await configuration(folder.path, 'dev/tls/key.pem');
  const before = await readdir(folder.path);
  for (const command of [
    ['register', 'alice'],
    ['migrate', '--set', 'storage.postgres_dsn='],
  ]) {
    const { code, stderr } = await commucat([...command, '--config', file]);
    assert.equal(code, 3, stderr);
  }
  const { stderr } = await commucat(['register', 'alice', '--config', file]);
  assert.match(stderr, /new\/data does not exist yet, and would belong to root: start the server first/);
  assert.deepEqual(await readdir(folder.path), before);
});
