import assert from 'node:assert/strict';
import { concatBytes, toHex } from '../../src/protocol/bytes.ts';
import { type CryptoBackend, CryptoError } from '../../src/protocol/crypto-backend.ts';
import { BACKENDS, checkCase } from './backends.ts';
import { CaseReader } from './case-reader.ts';
import type { VectorSuite } from './suite.ts';

type Check = (backend: CryptoBackend, vector: CaseReader, group: CaseReader) => void;

const FILES: Readonly<Record<string, Check>> = {
  'wycheproof-chacha20_poly1305_test.json': checkAead,
  'wycheproof-ed25519_test.json': checkSignature,
  'wycheproof-x25519_test.json': checkSharedSecret,
};

/** The files of project Wycheproof: groups of tests, each with the verdict `valid`, `acceptable` or `invalid`. */
export const wycheproofSuites: readonly VectorSuite[] = Object.entries(FILES).flatMap(([file, check]) =>
  BACKENDS.map((backend) => ({
    file,
    backend: backend.name,
    run(document, report) {
      for (const group of new CaseReader(document).list('testGroups')) {
        for (const vector of group.list('tests')) {
          const name = `${vector.number('tcId')} ${vector.text('comment')}`;
          checkCase(report, name, () => check(backend, vector, group));
        }
      }
    },
  })),
);

function checkAead(backend: CryptoBackend, vector: CaseReader): void {
  const key = vector.hex('key');
  const nonce = vector.hex('iv');
  const ad = vector.hex('aad');
  const plaintext = vector.hex('msg');
  const sealed = concatBytes(vector.hex('ct'), vector.hex('tag'));
  if (nonce.length !== 12) {
    assert.equal(vector.text('result'), 'invalid');
    assert.throws(() => backend.aeadSeal(key, nonce, ad, plaintext), CryptoError);
    assert.throws(() => backend.aeadOpen(key, nonce, ad, sealed), CryptoError);
    return;
  }
  const opened = backend.aeadOpen(key, nonce, ad, sealed);
  const target = new Uint8Array(plaintext.length);
  const openedInto = ad.length > 0 ? undefined : backend.aeadOpenInto(key, nonce, sealed, target, 0);
  if (vector.text('result') === 'invalid') {
    assert.equal(opened, undefined);
    assert.notEqual(openedInto, true);
    return;
  }
  assert.equal(opened === undefined ? 'refused' : toHex(opened), toHex(plaintext));
  assert.equal(toHex(backend.aeadSeal(key, nonce, ad, plaintext)), toHex(sealed));
  if (openedInto === undefined) return;
  assert.equal(toHex(target), toHex(plaintext));
  const inPlace = concatBytes(plaintext, new Uint8Array(16));
  backend.aeadSealInPlace(key, nonce, inPlace, 0, plaintext.length);
  assert.equal(toHex(inPlace), toHex(sealed));
}

function checkSignature(backend: CryptoBackend, vector: CaseReader, group: CaseReader): void {
  const publicKey = new CaseReader(group.raw('publicKey')).hex('pk');
  const valid = backend.ed25519Verify(publicKey, vector.hex('msg'), vector.hex('sig'));
  assert.equal(valid, vector.text('result') === 'valid');
}

/** `acceptable` covers keys on the twist, which are computed, and results of zero, which are refused. */
function checkSharedSecret(backend: CryptoBackend, vector: CaseReader): void {
  const agree = () => toHex(backend.x25519(vector.hex('private'), vector.hex('public')));
  if (vector.text('result') === 'invalid' || /^0*$/.test(vector.text('shared'))) {
    assert.throws(agree, CryptoError);
    return;
  }
  assert.equal(agree(), vector.text('shared'));
}
