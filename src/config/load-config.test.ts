import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../../test/kit/temporary-folder.ts';
import { addressOf, ConfigError, type LoadConfigOptions, loadConfig, postgresChoice } from './index.ts';

const REQUIRED = '[server]\ntls_cert = "cert.pem"\ntls_key = "key.pem"\ndomain = "example.org"\n';

function folderWith(content: string): { readonly folder: string; readonly file: string } {
  const folder = temporaryFolder('config');
  const file = join(folder, 'commucat.toml');
  writeFileSync(file, content);
  return { folder, file };
}

function load(content: string, options: Partial<LoadConfigOptions> = {}) {
  const { folder, file } = folderWith(content);
  return { folder, file, config: loadConfig({ file, env: {}, workingDirectory: folder, ...options }) };
}

function problemsOf(content: string, options: Partial<LoadConfigOptions> = {}) {
  const { folder, file } = folderWith(content);
  try {
    loadConfig({ file, env: {}, workingDirectory: folder, ...options });
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return { file, problems: error.problems, message: error.message };
  }
  return assert.fail('the configuration was accepted');
}

test('given only what is required, when it is loaded, then the rest has the defaults of the table and paths are absolute', () => {
  const { config, folder, file } = load(REQUIRED);
  assert.equal(config.file, file);
  assert.equal(config.server.bind, '0.0.0.0:8443');
  assert.equal(config.server.keepalive, 60);
  assert.equal(config.server.tlsCert, join(folder, 'cert.pem'));
  assert.equal(config.storage.dataDir, join(folder, '.commucat'));
  assert.equal(config.storage.postgresDsn, undefined);
  assert.equal(config.crypto.noiseKeyFile, join(folder, '.commucat', 'noise-keys.jsonl'));
  assert.equal(config.crypto.prologue, 'commucat');
  assert.equal(config.limits.mailboxWindow, 256);
  assert.equal(config.channels.reach, 'joined');
  assert.equal(config.channels.openRooms, 'compat');
  assert.equal(config.compat.plaintextClients, false);
  assert.equal(config.rateLimit.connectBurst, 20);
  assert.equal(config.telemetry.logLevel, 'info');
  assert.deepEqual(config.warnings, []);
});

test('given a loaded configuration, when somebody writes to it, then nothing changes', () => {
  const { config } = load(REQUIRED);
  assert.throws(() => Object.assign(config.server, { keepalive: 1 }), TypeError);
  assert.throws(() => Object.assign(config, { server: {} }), TypeError);
});

test('given one key in every source, when it is loaded, then --set beats the environment, which beats the file, which beats defaults', () => {
  const content = `${REQUIRED}keepalive = 100\n`;
  const defaults = { 'server.keepalive': 50 };
  const env = { COMMUCAT_KEEPALIVE: '200' };
  const overrides = ['server.keepalive=300', 'server.keepalive=400'];
  assert.equal(load(REQUIRED, { defaults }).config.server.keepalive, 50);
  assert.equal(load(content, { defaults }).config.server.keepalive, 100);
  assert.equal(load(content, { defaults, env }).config.server.keepalive, 200);
  assert.equal(load(content, { defaults, env, overrides }).config.server.keepalive, 400);
});

test('given an empty environment variable, when it is loaded, then it counts as absent', () => {
  const { config } = load(`${REQUIRED}keepalive = 100\n`, { env: { COMMUCAT_KEEPALIVE: '' } });
  assert.equal(config.server.keepalive, 100);
});

test('given keys without a name in the reference, when they are set by variable, then section and key make the name', () => {
  const env = { COMMUCAT_CHANNELS_OPEN_ROOMS: 'never', COMMUCAT_SECURITY_RATE_LIMIT_MAX_ADDRESSES: '500' };
  const { config } = load(REQUIRED, { env });
  assert.equal(config.channels.openRooms, 'never');
  assert.equal(config.rateLimit.maxAddresses, 500);
});

test('given relative paths, when they come from the file or from elsewhere, then they start at the file or at the working directory', () => {
  const { file, folder } = folderWith(
    `${REQUIRED}[storage]\ndata_dir = "data"\n[crypto]\nnoise_key_file = "keys/noise"\n`,
  );
  const elsewhere = temporaryFolder('cwd');
  const env = { COMMUCAT_TLS_KEY: 'env.pem' };
  const config = loadConfig({
    file,
    env,
    workingDirectory: elsewhere,
    overrides: ['server.tls_cert=/abs/c.pem'],
  });
  assert.equal(config.storage.dataDir, join(folder, 'data'));
  assert.equal(config.crypto.noiseKeyFile, join(folder, 'keys', 'noise'));
  assert.equal(config.crypto.federationSeedFile, join(folder, 'data', 'federation-seed'));
  assert.equal(config.server.tlsKey, join(elsewhere, 'env.pem'));
  assert.equal(config.server.tlsCert, '/abs/c.pem');
});

test('given the quoted numbers and truth values of a reference file, when it is loaded, then they are read', () => {
  const { config } = load(`${REQUIRED}keepalive = "3600"\nauto_approve_devices = "true"\n`);
  assert.equal(config.server.keepalive, 3600);
  assert.equal(config.server.autoApproveDevices, true);
});

test('given sections and variables of the reference that mean nothing here, when it is loaded, then each is a warning', () => {
  const content = `${REQUIRED}
[storage]
redis_url = "redis://:hunter2@localhost"
[ledger]
mode = "file"
[ice]
lite_enabled = true
[ice.turn.one]
urls = "turn:example.org"
secret = "hunter2"
[security.rotation]
noise_interval_hours = 168
[rotation.device]
enabled = true
[security.rate_limit]
pairing_burst = 5
`;
  const { config } = load(content, { env: { COMMUCAT_ADMIN_TOKEN: 'hunter2' } });
  assert.equal(config.warnings.length, 9);
  assert.ok(config.warnings.some((warning) => warning.includes(':7: storage.redis_url has no effect')));
  assert.ok(config.warnings.some((warning) => warning.includes('COMMUCAT_ADMIN_TOKEN has no effect')));
  assert.ok(!config.warnings.join('\n').includes('hunter2'));
});

test('given a variable that nobody knows, when it is loaded, then a warning names the one that was probably meant', () => {
  const { config } = load(REQUIRED, {
    env: { COMMUCAT_KEEPALVE: '5', COMMUCAT_TEST_PG_DSN: 'x', HOME: '/root' },
  });
  assert.deepEqual(config.warnings, [
    'environment: COMMUCAT_KEEPALVE is not known and has no effect; did you mean COMMUCAT_KEEPALIVE?',
  ]);
});

test('given several mistakes, when it is loaded, then all are reported with file, line, key, what was found and what is allowed', () => {
  const content = `${REQUIRED}keepalive = "soon"
auto_approve_devices = "yes"
keepalife = 5

[limts]
relay_ttl = 5

[limits]
presence_ttl = 0
relay_ttl = 12.5

[channels]
reach = "nobody"
`;
  const { file, problems } = problemsOf(content, {
    env: { COMMUCAT_RATE_HTTP_BURST: '0' },
    overrides: ['compat.plaintext_client=true', 'nonsense', 'constructor=1', 'toString.any=1'],
  });
  const sorted = [...problems].sort((a, b) => (a.line ?? 1000) - (b.line ?? 1000));
  assert.deepEqual(sorted, [
    { file, line: 5, key: 'server.keepalive', found: '"soon"', allowed: 'a whole number from 1 to 31536000' },
    { file, line: 6, key: 'server.auto_approve_devices', found: '"yes"', allowed: 'true or false' },
    {
      file,
      line: 7,
      key: 'server.keepalife',
      found: 'an unknown key',
      allowed: 'did you mean server.keepalive?',
    },
    { file, line: 9, key: 'limts', found: 'an unknown section', allowed: 'did you mean limits?' },
    { file, line: 13, key: 'limits.presence_ttl', found: '0', allowed: 'a whole number from 1 to 86400' },
    { file, line: 14, key: 'limits.relay_ttl', found: '12.5', allowed: 'a whole number from 1 to 31536000' },
    {
      file,
      line: 17,
      key: 'channels.reach',
      found: '"nobody"',
      allowed: 'one of "joined", "friends", "anyone"',
    },
    {
      file: '--set',
      line: undefined,
      key: 'compat.plaintext_client',
      found: 'an unknown key',
      allowed: 'did you mean compat.plaintext_clients?',
    },
    { file: '--set', line: undefined, key: '', found: 'a text without "="', allowed: 'section.key=value' },
    ...['constructor', 'toString.any'].map((key) => ({
      file: '--set',
      line: undefined,
      key,
      found: 'an unknown key',
      allowed: 'the names in docs/configuration.md',
    })),
    {
      file: 'environment',
      line: undefined,
      key: 'COMMUCAT_RATE_HTTP_BURST',
      found: '"0"',
      allowed: 'a whole number from 1 to 1000000',
    },
  ]);
});

test('given a file without required keys, when it is loaded, then each missing key and its variable are named', () => {
  const { message } = problemsOf('[server]\nbind = "0.0.0.0:1"\n');
  for (const [key, variable] of [
    ['tls_cert', 'COMMUCAT_TLS_CERT'],
    ['tls_key', 'COMMUCAT_TLS_KEY'],
    ['domain', 'COMMUCAT_DOMAIN'],
  ]) {
    assert.match(message, new RegExp(`server\\.${key}: found nothing; allowed: .*${variable}`));
  }
});

test('given wrong secrets anywhere, when it is loaded, then the error does not contain them', () => {
  const secret = 'c0ffee'.repeat(4);
  const content = `${REQUIRED}[crypto]\nnoise_private = "${secret}"\nfederation_seed = "${secret}"\n[storage]\npostgres_dsn = "${secret}"\n`;
  const { problems, message } = problemsOf(content);
  assert.equal(problems.length, 4);
  assert.ok(!message.includes(secret));
  assert.ok(message.includes('a secret of 24 characters'));
});

test('given a file that is not TOML, when it is loaded, then the line is named and the text of the file is not shown', () => {
  const { problems, message } = problemsOf('[crypto]\nnoise_private = deadbeef\n');
  assert.equal(problems[0]?.line, 2);
  assert.ok(!message.includes('deadbeef'));
});

test('given half a Noise key pair, when it is loaded, then the missing half is named', () => {
  const { problems } = problemsOf(`${REQUIRED}[crypto]\nnoise_public = "${'ab'.repeat(32)}"\n`);
  assert.equal(problems[0]?.found, 'crypto.noise_public without crypto.noise_private');
  assert.equal(problems[0]?.line, 6);
});

test('given a file that does not exist, when it is named, then that is an error; when it is only the usual name, then not', () => {
  const folder = temporaryFolder('none');
  const options = { env: {}, workingDirectory: folder };
  assert.throws(() => loadConfig({ ...options, file: 'missing.toml' }), ConfigError);
  const defaults = { 'server.tls_cert': 'c', 'server.tls_key': 'k', 'server.domain': 'd' };
  assert.equal(loadConfig({ ...options, defaults }).file, undefined);
});

test('given addresses, when they are checked, then ports and brackets count', () => {
  const bound = (bind: string) => load(`${REQUIRED}bind = "${bind}"\n`).config.server.bind;
  assert.deepEqual(addressOf(bound('[::1]:0')), { host: '::1', port: 0 });
  assert.deepEqual(addressOf(bound('localhost:65535')), { host: 'localhost', port: 65_535 });
  for (const wrong of ['localhost', ':8443', '::1:8443', '0.0.0.0:65536', '0.0.0.0:', 'a b:1']) {
    assert.equal(problemsOf(`${REQUIRED}bind = "${wrong}"\n`).problems[0]?.key, 'server.bind', wrong);
  }
});

test('given the three ways to name a Postgres, when they are read, then each is its own case', () => {
  const choose = (dsn: string) =>
    postgresChoice(load(`${REQUIRED}[storage]\npostgres_dsn = "${dsn}"\n`).config);
  assert.deepEqual(postgresChoice(load(REQUIRED).config), { kind: 'embedded' });
  assert.deepEqual(choose('none'), { kind: 'none' });
  assert.deepEqual(choose('postgres://u:p@h/db'), { kind: 'dsn', dsn: 'postgres://u:p@h/db' });
});

test('given overrides as TOML writes values, when they are loaded, then quotes, lists and digits in groups are read', () => {
  const required = ['server.tls_cert=c', 'server.tls_key=k', 'server.domain=a.example'];
  const load = (override: string) =>
    loadConfig({ env: {}, overrides: [...required, override], workingDirectory: '/w' });
  assert.equal(load('server.domain="chat.example.org"').server.domain, 'chat.example.org');
  assert.equal(load("server.domain='chat.example.org'").server.domain, 'chat.example.org');
  assert.equal(load('server.domain=chat.example.org').server.domain, 'chat.example.org');
  assert.deepEqual(addressOf(load('server.bind=[::1]:8443').server.bind), { host: '::1', port: 8443 });
  assert.equal(load('limits.mailbox_frames=20_000').limits.mailboxFrames, 20_000);
  for (const broken of ['server.domain="chat', 'server.domain=["a"', 'server.domain="a"\nserver.x="b"']) {
    assert.throws(() => load(broken), { code: 'CONFIG_INVALID' });
  }
});
