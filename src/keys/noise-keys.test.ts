import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../../test/kit/temporary-folder.ts';
import { toHex } from '../protocol/bytes.ts';
import { nobleBackend } from '../protocol/noble-backend.ts';
import { systemClock, systemRandom } from '../system/index.ts';
import { loadFederationSeed } from './federation-seed.ts';
import {
  addNoiseKey,
  loadNoiseKeys,
  MAX_NOISE_KEYS,
  NoiseKeyError,
  type NoiseKeySource,
} from './noise-keys.ts';
import { createSecretFile, ensureSecretFile, SecretFileError } from './secret-file.ts';

const ALICE_PRIVATE = '77076d0a7318a57d3c16c17251b26645df4c6c1e2c3e8b2b0b1b1b1b1b1b1b1b';

function source(crypto: Partial<NoiseKeySource['crypto']> = {}): NoiseKeySource {
  const noiseKeyFile = join(temporaryFolder('noise'), 'data', 'noise-keys.jsonl');
  return {
    crypto: { noisePrivate: undefined, noisePublic: undefined, noiseKeyFile, ...crypto },
    backend: nobleBackend,
    clock: systemClock,
    random: systemRandom,
  };
}

function withFile(content: string): NoiseKeySource {
  const made = source();
  mkdirSync(dirname(made.crypto.noiseKeyFile));
  writeFileSync(made.crypto.noiseKeyFile, content, { mode: 0o600 });
  return made;
}

test('given no file, when keys are loaded twice, then one key is made, kept with mode 0600, and found again', () => {
  const from = source();
  const first = loadNoiseKeys(from);
  assert.equal(first.length, 1);
  assert.equal(first[0]?.version, 1);
  assert.deepEqual(loadNoiseKeys(from), first);
  assert.equal(statSync(from.crypto.noiseKeyFile).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(dirname(from.crypto.noiseKeyFile)), ['noise-keys.jsonl']);
});

test('given keys in a file, when one is added, then it is the newest, the others stay, and the file says the same', () => {
  const from = source();
  const [first] = loadNoiseKeys(from);
  const keys = addNoiseKey(from);
  assert.deepEqual(
    keys.map((key) => key.version),
    [2, 1],
  );
  assert.deepEqual(keys[1], first);
  assert.deepEqual(loadNoiseKeys(from), keys);
});

test('given as many versions as are allowed, when one is added, then the oldest is dropped', () => {
  const from = source();
  for (let added = 0; added < MAX_NOISE_KEYS; added += 1) addNoiseKey(from);
  const versions = loadNoiseKeys(from).map((key) => key.version);
  assert.equal(versions.length, MAX_NOISE_KEYS);
  assert.equal(versions[0], MAX_NOISE_KEYS + 1);
  assert.equal(versions.at(-1), 2);
});

test('given a pair in the configuration, when it belongs together, then it is version 1 and no file is made', () => {
  const noisePublic = toHex(nobleBackend.x25519Public(Buffer.from(ALICE_PRIVATE, 'hex'))).toUpperCase();
  const from = source({ noisePrivate: ALICE_PRIVATE, noisePublic });
  const [key, ...others] = loadNoiseKeys(from);
  assert.equal(toHex(key?.keyPair.privateKey ?? new Uint8Array()), ALICE_PRIVATE);
  assert.equal(key?.version, 1);
  assert.deepEqual(others, []);
  assert.throws(() => readFileSync(from.crypto.noiseKeyFile), /ENOENT/);
  assert.throws(() => addNoiseKey(from), NoiseKeyError);
});

test('given a pair that does not belong together, when it is loaded, then the error tells the right public key and not the private one', () => {
  const from = source({ noisePrivate: ALICE_PRIVATE, noisePublic: 'ab'.repeat(32) });
  assert.throws(
    () => loadNoiseKeys(from),
    (error) => {
      assert.ok(error instanceof NoiseKeyError);
      assert.ok(error.message.includes(toHex(nobleBackend.x25519Public(Buffer.from(ALICE_PRIVATE, 'hex')))));
      return !error.message.includes(ALICE_PRIVATE);
    },
  );
});

test('given files that are damaged, when they are loaded, then the line is named, the key is not shown, and nothing is overwritten', () => {
  const good = `{"version":1,"private":"${ALICE_PRIVATE}","created_at":"2026-01-01T00:00:00.000Z"}`;
  const damaged = [
    '',
    '\n\n',
    `${good}\n${good}\n`,
    `${good.slice(0, 60)}\n`,
    good.replace(':1,', ':0,'),
    good.replace(ALICE_PRIVATE, ALICE_PRIVATE.slice(2)),
    good.replace('2026-01-01', '2026-13-01'),
    'null',
    '[]',
  ];
  for (const content of damaged) {
    const from = withFile(content);
    assert.throws(
      () => loadNoiseKeys(from),
      (error) => error instanceof NoiseKeyError && !error.message.includes(ALICE_PRIVATE.slice(0, 16)),
      content,
    );
    assert.equal(readFileSync(from.crypto.noiseKeyFile, 'utf8'), content);
  }
  assert.equal(loadNoiseKeys(withFile(`${good}\n`))[0]?.validAfter, Date.UTC(2026, 0, 1));
});

test('given a secret file that group or others may read, when it is used, then it is refused and chmod is suggested', () => {
  for (const mode of [0o640, 0o604, 0o620]) {
    const from = source();
    loadNoiseKeys(from);
    chmodSync(from.crypto.noiseKeyFile, mode);
    assert.throws(
      () => loadNoiseKeys(from),
      (error) =>
        error instanceof SecretFileError &&
        error.code === 'SECRET_FILE_EXPOSED' &&
        /chmod 600/.test(error.message),
    );
  }
});

test('given a secret file that exists, when somebody else creates it too, then the first content stays', () => {
  const path = join(temporaryFolder('secret'), 'secret');
  assert.equal(createSecretFile(path, 'first', systemRandom), true);
  assert.equal(createSecretFile(path, 'second', systemRandom), false);
  assert.equal(readFileSync(path, 'utf8'), 'first');
  assert.deepEqual(readdirSync(dirname(path)), ['secret']);
});

test('given a link to nowhere or a folder instead of a secret file, when it is used, then that is an error and not a new secret', () => {
  const directory = temporaryFolder('secret');
  assert.throws(() => ensureSecretFile(directory, 32, systemRandom), SecretFileError);
  symlinkSync(join(directory, 'nowhere'), join(directory, 'link'));
  assert.throws(() => ensureSecretFile(join(directory, 'link'), 32, systemRandom), SecretFileError);
});

test('given the federation seed, when it comes from the configuration or from a file, then its bytes are the same each time', () => {
  const directory = temporaryFolder('seed');
  const fromFile = { federationSeed: undefined, federationSeedFile: join(directory, 'seed') };
  const seed = loadFederationSeed(fromFile, systemRandom);
  assert.equal(seed.length, 32);
  assert.deepEqual(loadFederationSeed(fromFile, systemRandom), seed);
  const configured = { federationSeed: 'Ab'.repeat(40), federationSeedFile: join(directory, 'other') };
  assert.deepEqual(loadFederationSeed(configured, systemRandom), new Uint8Array(40).fill(0xab));
  assert.deepEqual(readdirSync(directory), ['seed']);
  writeFileSync(join(directory, 'short'), 'abcd\n', { mode: 0o600 });
  const short = { federationSeed: undefined, federationSeedFile: join(directory, 'short') };
  assert.throws(() => loadFederationSeed(short, systemRandom), SecretFileError);
});
