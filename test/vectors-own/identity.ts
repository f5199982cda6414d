import assert from 'node:assert/strict';
import { CommuCatError } from '../../src/ports/commucat-error.ts';
import { toHex, utf8 } from '../../src/protocol/bytes.ts';
import { type CryptoBackend, CryptoError } from '../../src/protocol/crypto-backend.ts';
import {
  certificateFromJson,
  certificateMessage,
  certificateToJson,
  certificateValidity,
  issueCertificate,
  verifyCertificate,
} from '../../src/protocol/identity/certificate.ts';
import {
  deriveAuthorityKey,
  deriveDeviceKey,
  noiseKeyPair,
  noiseStaticFromDeviceKey,
} from '../../src/protocol/identity/keys.ts';
import { proveWithNonceForTests, verifyDeviceKeyProof } from '../../src/protocol/identity/proof.ts';
import { parseJsonText, stringifyJson } from '../../src/protocol/json/json.ts';
import type { CaseReader } from '../vectors/case-reader.ts';

export function checkKey(backend: CryptoBackend, vector: CaseReader): void {
  switch (vector.text('op')) {
    case 'device_key': {
      const key = deriveDeviceKey(backend, vector.hex('seed'));
      const noise = noiseStaticFromDeviceKey(backend, vector.hex('private'));
      assert.equal(toHex(key.privateKey), vector.text('private'));
      assert.equal(toHex(backend.ed25519Public(vector.hex('private'))), vector.text('device_public'));
      assert.equal(toHex(noise.publicKey), vector.text('client_static'));
      checkSigns(backend, vector.hex('private'), vector.hex('device_public'));
      return;
    }
    case 'authority_key': {
      assert.equal(toHex(deriveAuthorityKey(backend, vector.hex('seed')).privateKey), vector.text('private'));
      checkSigns(backend, vector.hex('private'), vector.hex('public'));
      return;
    }
    case 'noise_key': {
      assert.equal(toHex(noiseKeyPair(backend, vector.hex('private')).publicKey), vector.text('public'));
      const peer = noiseKeyPair(backend, new Uint8Array(32).fill(9));
      const ours = backend.x25519(vector.hex('private'), peer.publicKey);
      assert.deepEqual(ours, backend.x25519(peer.privateKey, vector.hex('public')));
      return;
    }
    case 'refuse':
      assert.throws(() => deriveDeviceKey(backend, vector.hex('seed')), CryptoError);
      assert.throws(() => deriveAuthorityKey(backend, vector.hex('seed')), CryptoError);
      return;
    default:
      assert.fail('unknown op');
  }
}

/** The two halves belong together. */
function checkSigns(backend: CryptoBackend, privateKey: Uint8Array, publicKey: Uint8Array): void {
  const message = utf8('signed with one half, verified with the other');
  assert.ok(backend.ed25519Verify(publicKey, message, backend.ed25519Signer(privateKey).sign(message)));
}

function statementOf(vector: CaseReader) {
  return {
    domain: vector.text('domain'),
    deviceId: vector.text('device_id'),
    devicePublic: vector.hex('device_public'),
    clientStatic: vector.hex('client_static'),
  };
}

export function checkProof(backend: CryptoBackend, vector: CaseReader): void {
  const statement = statementOf(vector);
  const proof = { commitment: vector.hex('commitment'), response: vector.hex('response') };
  const holds = verifyDeviceKeyProof(backend, { ...statement, proof });
  switch (vector.text('op')) {
    case 'prove': {
      assert.ok(holds);
      const { commitment, devicePublic } = { ...proof, ...statement };
      assert.ok(backend.schnorrHolds(devicePublic, commitment, vector.hex('challenge'), proof.response));
      const made = proveWithNonceForTests(backend, vector.hex('private'), statement, vector.hex('nonce'));
      assert.deepEqual(
        [toHex(made.commitment), toHex(made.response)],
        [toHex(commitment), toHex(proof.response)],
      );
      return;
    }
    case 'verify':
      assert.equal(holds, vector.flag('valid'));
      return;
    default:
      assert.fail('unknown op');
  }
}

export function checkCertificate(backend: CryptoBackend, vector: CaseReader): void {
  switch (vector.text('op')) {
    case 'issue':
      checkIssued(backend, vector);
      return;
    case 'verify': {
      const read = () => certificateFromJson(parseJsonText(vector.text('certificate')));
      const verdict = vector.text('verdict');
      if (verdict === 'malformed') assert.throws(read, CommuCatError);
      else assert.equal(verifyCertificate(backend, read(), vector.hex('authority')), verdict === 'valid');
      return;
    }
    case 'times': {
      const times = { issuedAt: vector.number('issued_at'), expiresAt: vector.number('expires_at') };
      const names = { serial: 1n, userId: 'u', deviceId: 'd', publicKey: new Uint8Array(32) };
      assert.equal(certificateValidity({ ...names, ...times }, vector.number('now')), vector.text('verdict'));
      return;
    }
    default:
      assert.fail('unknown op');
  }
}

/** From the JSON back to the fields, the signed text and the verdict; then issued once more. */
function checkIssued(backend: CryptoBackend, vector: CaseReader): void {
  const read = certificateFromJson(parseJsonText(vector.text('certificate')));
  assert.equal(read.serial, BigInt(vector.text('serial')));
  assert.deepEqual([read.userId, read.deviceId], [vector.text('user_id'), vector.text('device_id')]);
  assert.deepEqual(
    [BigInt(read.issuedAt), BigInt(read.expiresAt)],
    [BigInt(vector.text('issued_at')), BigInt(vector.text('expires_at'))],
  );
  assert.equal(new TextDecoder().decode(certificateMessage(read)), vector.text('message'));
  assert.equal(toHex(read.signature), vector.text('signature'));
  assert.ok(
    backend.ed25519Verify(vector.hex('issuer'), utf8(vector.text('message')), vector.hex('signature')),
  );
  assert.ok(verifyCertificate(backend, read, vector.hex('issuer')));
  const again = issueCertificate(backend.ed25519Signer(vector.hex('authority_private')), read);
  assert.equal(stringifyJson(certificateToJson(again)), vector.text('certificate'));
}
