import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { vectorFiles } from '../scripts/vectors/index.ts';
import { renderVectorFile } from '../scripts/vectors/vector-file.ts';
import type { CryptoBackend } from '../src/protocol/crypto-backend.ts';
import { BACKENDS } from './vectors/backends.ts';
import type { CaseReader } from './vectors/case-reader.ts';
import { checkNoise, checkRecord, checkSession } from './vectors-own/channel.ts';
import { committedCases, committedText } from './vectors-own/committed.ts';
import { checkFrame, checkJson, checkSerial, checkVarint } from './vectors-own/framing.ts';
import { checkCertificate, checkKey, checkProof } from './vectors-own/identity.ts';

const PLAIN: Readonly<Record<string, (vector: CaseReader) => void>> = {
  'varints.json': checkVarint,
  'frames.json': checkFrame,
  'json.json': checkJson,
  'serials.json': checkSerial,
};

const CRYPTOGRAPHIC: Readonly<Record<string, (backend: CryptoBackend, vector: CaseReader) => void>> = {
  'keys.json': checkKey,
  'proofs.json': checkProof,
  'certificates.json': checkCertificate,
  'noise.json': checkNoise,
  'records.json': checkRecord,
  'sessions.json': checkSession,
};

/** Names the case that fails. */
function checkAll(file: string, check: (vector: CaseReader) => void): void {
  const cases = committedCases(file);
  assert.ok(cases.length > 0);
  for (const vector of cases) {
    try {
      check(vector);
    } catch (cause) {
      throw new Error(`${file}: ${vector.text('name')}`, { cause });
    }
  }
}

test('given the folder vectors/, then every file in it is written by us and checked here', () => {
  const committed = readdirSync(new URL('../vectors/', import.meta.url)).filter((name) =>
    name.endsWith('.json'),
  );
  assert.deepEqual(committed.sort(), [...vectorFiles.keys()].sort());
  assert.deepEqual([...Object.keys(PLAIN), ...Object.keys(CRYPTOGRAPHIC)].sort(), committed.sort());
});

for (const [name, file] of vectorFiles) {
  for (const backend of BACKENDS) {
    test(`given vectors/${name}, when ${backend.name} writes it anew, then it is up to date (npm run vectors:write)`, () => {
      assert.equal(renderVectorFile(file, backend), committedText(name));
    });
  }
}

for (const [file, check] of Object.entries(PLAIN)) {
  test(`given vectors/${file}, when each case is taken the other way round, then it holds`, () => {
    checkAll(file, check);
  });
}

for (const [file, check] of Object.entries(CRYPTOGRAPHIC)) {
  for (const backend of BACKENDS) {
    test(`given vectors/${file}, when ${backend.name} takes each case the other way round, then it holds`, () => {
      checkAll(file, (vector) => check(backend, vector));
    });
  }
}
