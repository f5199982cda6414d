import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, connect as openConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { freeSpace } from '../../cli/diagnose/files.ts';
import { adviceOn, describeError, errorWords } from '../../cli/kit/describe-error.ts';
import { ClientError, type ClientErrorCode } from '../../src/client/index.ts';
import { LogError } from '../../src/log/log-error.ts';
import { ProjectionError } from '../../src/projections/tables/projection-error.ts';
import { CryptoError } from '../../src/protocol/crypto-backend.ts';

/** As the system gives them: a code, and what it was about. */
function systemError(code: string, about: object = {}, message = `${code}: as Node.js says it`): Error {
  return Object.assign(new Error(message), { code, ...about });
}

describe('given an error of the system about a file', () => {
  const words: Readonly<Record<string, RegExp>> = {
    EACCES: /^\/f: permission denied: run this as the user that owns it, or change its mode$/,
    EPERM: /^\/f: not permitted: run this as the user/,
    EROFS: /^\/f: the file system is read-only: mount it writable, or name another folder$/,
    ENOENT: /^\/f: there is no such file: check the path$/,
    ENOTDIR: /^\/f: a part of the path is no folder: check/,
    EISDIR: /^\/f: it is a folder: name a file/,
    EEXIST: /^\/f: it exists already: name another one$/,
    ELOOP: /^\/f: its symbolic links go in a circle: name/,
    ENAMETOOLONG: /^\/f: the path is too long: name a shorter/,
    ENOSPC: /^\/f: the disk is full: make room, then try again$/,
    EDQUOT: /^\/f: the disk quota is used up: make room or raise it/,
    EIO: /^\/f: the disk reports a fault: look at .*save a copy/,
    EMFILE: /^\/f: this process has too many open files: raise its limit/,
    ENFILE: /^\/f: this machine has too many open files: end programs/,
  };
  for (const [code, expected] of Object.entries(words)) {
    test(`when it is ${code}, then the file, what is the case and what to do are said once`, () => {
      assert.match(describeError(systemError(code, { path: '/f' })), expected);
      assert.doesNotMatch(describeError(systemError(code, { path: '/f' })), new RegExp(code));
    });
  }

  test('when it is one of a real file system, then it is the same', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'commucat-words-'));
    const [loop, file] = [join(folder, 'loop'), join(folder, 'file')];
    await symlink(loop, loop);
    await writeFile(file, '');
    const said = (path: string): Promise<string> =>
      readFile(path, 'utf8').catch((error: unknown) => describeError(error));
    const expected: readonly (readonly [string, RegExp])[] = [
      [join(folder, 'none'), /none: there is no such file: check the path$/],
      [folder, /it is a folder/],
      [join(file, 'x'), /no folder: check the path$/],
      [loop, /loop: its symbolic links go in a circle/],
      [join(folder, 'x'.repeat(300)), /the path is too long/],
    ];
    for (const [path, words] of expected) assert.match(await said(path), words);
    await rm(folder, { recursive: true });
  });

  test('when its caller has named the file or quoted the code, then neither is said twice', () => {
    const cause = systemError('EACCES', { path: '/k.pem' });
    assert.equal(
      describeError(new Error('/k.pem cannot be read: EACCES', { cause })),
      '/k.pem cannot be read: permission denied: run this as the user that owns it, or change its mode',
    );
    const full = systemError('ENOSPC', {}, 'ENOSPC: no space left on device, write');
    assert.equal(
      describeError(
        new LogError('LOG_UNAVAILABLE', `cannot write the log: ${full.message}`, { cause: full }),
      ),
      'cannot write the log: ENOSPC: no space left on device, write: the disk is full: make room, then try again',
    );
  });
});

describe('given an error of a connection', () => {
  const refused = systemError('ECONNREFUSED', { address: '::1', port: 1 }, 'connect ECONNREFUSED ::1:1');
  const cases: Readonly<Record<string, readonly [error: unknown, words: RegExp]>> = {
    'a taken address': [
      systemError('EADDRINUSE', { address: '127.0.0.1', port: 9 }, 'listen EADDRINUSE: in use 127.0.0.1:9'),
      /127\.0\.0\.1:9; end the program that has it, or choose another address \(server\.bind, --port\)$/,
    ],
    'an address of another machine': [
      systemError('EADDRNOTAVAIL', { address: '192.0.2.1' }),
      /; it is no address of this machine: choose one/,
    ],
    'a port for the privileged': [
      systemError(
        'EACCES',
        { address: '0.0.0.0', port: 443 },
        'listen EACCES: permission denied 0.0.0.0:443',
      ),
      /0\.0\.0\.0:443; ports below 1024 need a right .* or choose a higher port$/,
    ],
    'a socket in a folder of somebody else': [
      systemError('EACCES', { address: '/d/control.sock', port: -1 }, 'listen EACCES: permission denied'),
      /; run this as the user that owns the folder of \/d\/control\.sock$/,
    ],
    'a closed port': [refused, /^connect ECONNREFUSED ::1:1; nobody listens there: is the program running/],
    'a name with several addresses, all closed': [
      Object.assign(new AggregateError([refused, refused]), { code: 'ECONNREFUSED' }),
      /^connect ECONNREFUSED ::1:1; nobody listens there/,
    ],
    'a connection that broke': [systemError('ECONNRESET'), /; the other side broke the connection off: look/],
    'an unreachable host': [systemError('EHOSTUNREACH', { address: 'x' }), /; is the address right, and/],
    'an unreachable network': [systemError('ENETUNREACH', { address: 'x' }), /; is the address right, and/],
    silence: [systemError('ETIMEDOUT', { address: 'x' }), /; is the address right, and is a firewall/],
    'an unknown name': [systemError('ENOTFOUND', { hostname: 'x' }), /; nobody knows this name: check/],
    'a resolver that is away': [
      systemError('EAI_AGAIN', { hostname: 'x' }),
      /; names cannot be looked up now/,
    ],
  };
  for (const [what, [error, words]] of Object.entries(cases)) {
    test(`when it is ${what}, then what to do is said`, () => assert.match(describeError(error), words));
  }

  test('when it is real, then it is the same: a taken address, and a closed port behind the SDK', async () => {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const address = server.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const second = createServer().listen(port, '127.0.0.1');
    const taken = await new Promise((resolve) => second.once('error', resolve));
    assert.match(describeError(taken), new RegExp(`:${port}; end the program that has it`));
    await new Promise((closed) => server.close(closed));
    const closed = await new Promise((resolve) => openConnection(port, '127.0.0.1').once('error', resolve));
    const client = new ClientError('CLIENT_TRANSPORT', 'connection failed', { cause: closed });
    assert.match(describeError(client), /^connection failed: connect ECONNREFUSED .*; nobody listens there/);
  });
});

describe('given an error with a code of ours', () => {
  const client = (code: ClientErrorCode, detail?: string): ClientError =>
    new ClientError(code, 'words', detail === undefined ? {} : { wire: { error: 'handshake', detail } });
  const cases: readonly (readonly [what: string, error: Error, advice: RegExp])[] = [
    [
      'pairing',
      client('CLIENT_PAIRING_REQUIRED'),
      /^words; an operator pairs it .* register HANDLE --new-device FILE/,
    ],
    [
      'a device in other hands',
      client('CLIENT_DEVICE_TAKEN'),
      /^words; use the file that holds its key \(--device\)/,
    ],
    ["another server's key", client('CLIENT_SERVER_KEY'), /^words; compare --server-static and --domain/],
    ['distrust', client('CLIENT_TLS'), /^words; give the certificate of its authority \(--ca\)$/],
    ['another authority', client('CLIENT_CERTIFICATE'), /^words; ask the operator .* keys were replaced/],
    [
      'a crypto failure',
      client('CLIENT_HANDSHAKE_REFUSED', 'crypto failure'),
      /^words; ask the operator .* replaced/,
    ],
    [
      'a storage failure',
      client('CLIENT_HANDSHAKE_REFUSED', 'storage failure'),
      /^words; .* try again later/,
    ],
    [
      'an invalid request',
      client('CLIENT_HANDSHAKE_REFUSED', 'invalid request'),
      /^words; the log of the server/,
    ],
    [
      'a refusal without a text',
      client('CLIENT_HANDSHAKE_REFUSED'),
      /^words; the log of the server says why$/,
    ],
    ['another protocol', client('CLIENT_PROTOCOL'), /^words; is it a CommuCat server/],
    ['a device in use', client('CLIENT_REPLACED'), /^words; the device is in use elsewhere: end the other/],
    ['a revoked device', client('CLIENT_REVOKED'), /^words; it cannot come back: use another device$/],
    ['no answer', client('CLIENT_TIMEOUT'), /^words; is the address right/],
    ['a damaged device', client('CLIENT_STORE'), /^words; the file of the device is needed/],
    [
      'a damaged log',
      new LogError('LOG_CORRUPT', 'words'),
      /^words; stop the server, keep a copy .*log verify/,
    ],
    [
      'a log in use',
      new LogError('LOG_LOCKED', 'words'),
      /^words; stop that server, or name another data folder/,
    ],
    ['no Postgres', new ProjectionError('POSTGRES_UNAVAILABLE', 'words'), /^words; name another database/],
    [
      'a busy database',
      new ProjectionError('PROJECTIONS_BUSY', 'words'),
      /^words; stop the other server first$/,
    ],
    [
      'a certificate',
      systemError('TLS_IDENTITY_INVALID'),
      /; server\.tls_cert and server\.tls_key name PEM files/,
    ],
    ['a wrong password', systemError('28P01'), /; check user and password in storage\.postgres_dsn$/],
    ['no way in', systemError('28000'), /; check user and password .* pg_hba/],
    ['no database', systemError('3D000'), /; create the database, or name another/],
    ['no right to tables', systemError('42501'), /; give its user the right/],
    ['a full database', systemError('53300'), /; raise max_connections/],
    ['a database that starts', systemError('57P03'), /; the database is starting or stopping: try again$/],
  ];
  for (const [what, error, advice] of cases) {
    test(`when it is ${what}, then what to do is said`, () => assert.match(describeError(error), advice));
  }

  test('when the code says nothing more than the words, then there are only words', () => {
    assert.equal(
      describeError(new CryptoError('CRYPTO_WEAK_KEY', 'a point of small order')),
      'a point of small order',
    );
    assert.equal(adviceOn(new LogError('LOG_LOST', 'words with their own advice')), undefined);
  });

  test('when a file is the cause, then its words are the advice, and no other is given', () => {
    const cause = systemError('EACCES', { path: '/a.json' });
    const text = describeError(new Error('the device cannot be read', { cause }));
    assert.equal(
      text,
      'the device cannot be read: /a.json: permission denied: run this as the user that owns it, or change its mode',
    );
  });
});

describe('given whatever may be thrown', () => {
  test('then there are words for it', () => {
    assert.equal(describeError('a text'), 'a text');
    assert.equal(describeError(null), 'null');
    assert.equal(describeError(undefined), '');
    assert.equal(describeError(new TypeError('')), 'TypeError');
    assert.equal(describeError(new AggregateError([], '')), 'AggregateError');
    assert.equal(describeError(new Error('above', { cause: 'a text' })), 'above: a text');
  });

  test('when causes repeat, go deep or in a circle, then what is known is not said again, and it ends', () => {
    const same = new Error('above: below', { cause: new Error('below') });
    assert.equal(errorWords(same), 'above: below');
    let deep = new Error('0');
    for (let level = 1; level < 9; level += 1) deep = new Error(`${level}`, { cause: deep });
    assert.equal(errorWords(deep), '8: 7: 6: 5');
    const circle = new Error('round');
    circle.cause = new Error('and round it goes', { cause: circle });
    assert.equal(errorWords(circle), 'round: and round it goes');
  });
});

describe('given a disk', () => {
  const MIB = 1024 ** 2;
  const cases: readonly (readonly [free: number, detail: string, status: string])[] = [
    [0, '0 bytes free', 'fail'],
    [MIB - 1, '1048575 bytes free', 'fail'],
    [MIB, '1 MiB free', 'fail'],
    [384 * MIB - 1, '383 MiB free', 'fail'],
    [384 * MIB, '384 MiB free', 'warn'],
    [1024 * MIB - 1, '1023 MiB free', 'warn'],
    [1024 * MIB, '1.0 GiB free', 'warn'],
    [2048 * MIB, '2.0 GiB free', 'ok'],
  ];
  for (const [free, detail, status] of cases) {
    test(`when ${free} bytes are free, then it says ${detail}: ${status}`, () => {
      const found = freeSpace(free, 64 * MIB);
      assert.deepEqual([found.detail, found.status], [detail, status]);
      assert.equal(found.advice === undefined, status === 'ok');
    });
  }
});
