import assert from 'node:assert/strict';
import { ed25519 } from '@noble/curves/ed25519.js';
import { CommuCatError } from '../../src/ports/commucat-error.ts';
import { toHex } from '../../src/protocol/bytes.ts';
import { type CryptoBackend, CryptoError } from '../../src/protocol/crypto-backend.ts';
import {
  certificateFromJson,
  certificateMessage,
  certificateToJson,
  issueCertificate,
  verifyCertificate,
} from '../../src/protocol/identity/certificate.ts';
import {
  deriveAuthorityKey,
  deriveDeviceKey,
  noiseKeyPair,
  noiseStaticFromDeviceKey,
} from '../../src/protocol/identity/keys.ts';
import {
  ProofError,
  proofFromJson,
  proofToJson,
  proveWithNonceForTests,
  verifyDeviceKeyProof,
} from '../../src/protocol/identity/proof.ts';
import { canonicalJson, parseJsonText, stringifyJson } from '../../src/protocol/json/json.ts';
import { BACKENDS } from './backends.ts';
import { CaseReader } from './case-reader.ts';
import {
  checkIkFinished,
  checkInitiator,
  checkNoise,
  checkNoiseBig,
  checkResponder,
  checkTransportFailures,
  checkTransportSizes,
} from './noise.ts';
import { checkSession } from './session.ts';
import { eachCase, type VectorSuite } from './suite.ts';

/** What a check found: as the file says, or a deliberate other verdict. */
type Outcome = 'checked' | { readonly quirk: string };

/** Kinds that agree with the file or fail. */
const CHECKS: Readonly<Record<string, (backend: CryptoBackend, vector: CaseReader) => void>> = {
  device_key: checkDeviceKey,
  ca_key: checkAuthorityKey,
  noise_public: checkNoisePublic,
  zkp_prove: checkProve,
  zkp_prove_error: checkProveError,
  certificate_issue: checkCertificateIssue,
  certificate_verify: checkCertificateVerify,
  noise: checkNoise,
  noise_big: checkNoiseBig,
  noise_transport_sizes: checkTransportSizes,
  noise_transport_failures: checkTransportFailures,
  noise_responder_fail: checkResponder,
  noise_initiator_fail: checkInitiator,
  noise_ik_finished: checkIkFinished,
  session: checkSession,
};

/** Kinds in which we decide some cases differently from the reference. */
const VERDICTS: Readonly<Record<string, (backend: CryptoBackend, vector: CaseReader) => Outcome>> = {
  ed25519_verify: checkSignature,
  zkp_verify: checkProof,
  zkp_json: checkProofJson,
};

/** `ccp1-crypto.json`: keys, proof, certificates, Noise and whole sessions. */
export const cryptoSuites: readonly VectorSuite[] = BACKENDS.map((backend) => ({
  file: 'ccp1-crypto.json',
  backend: backend.name,
  run(document, report) {
    eachCase(document, report, (value) => {
      const vector = new CaseReader(value);
      const kind = vector.text('kind');
      const decide = VERDICTS[kind];
      if (decide !== undefined) return decide(backend, vector);
      const check = CHECKS[kind];
      if (check === undefined) throw new Error(`unknown kind ${kind}`);
      check(backend, vector);
      return 'checked';
    });
  },
}));

function checkDeviceKey(backend: CryptoBackend, vector: CaseReader): void {
  if (!vector.flag('ok')) {
    assert.throws(() => deriveDeviceKey(backend, vector.hex('seed')), CryptoError);
    return;
  }
  const key = deriveDeviceKey(backend, vector.hex('seed'));
  assert.equal(toHex(key.privateKey), vector.text('private'));
  assert.equal(toHex(key.publicKey), vector.text('public'));
  assert.equal(
    toHex(noiseStaticFromDeviceKey(backend, key.privateKey).publicKey),
    vector.text('client_static'),
  );
}

function checkAuthorityKey(backend: CryptoBackend, vector: CaseReader): void {
  const key = deriveAuthorityKey(backend, vector.hex('federation_seed'));
  assert.equal(toHex(key.privateKey), vector.text('private'));
  assert.equal(toHex(key.publicKey), vector.text('public'));
}

function checkNoisePublic(backend: CryptoBackend, vector: CaseReader): void {
  assert.equal(toHex(noiseKeyPair(backend, vector.hex('private')).publicKey), vector.text('public'));
}

/** A verdict that differs from the file's must be a refusal, and one that we chose. */
function verdict(valid: boolean, vector: CaseReader, deliberate: boolean): Outcome {
  if (valid === vector.flag('valid')) return 'checked';
  assert.ok(!valid && deliberate, `valid is ${valid}`);
  return { quirk: 'refused: point of small order, with a torsion part, or not canonical' };
}

/** True unless all are canonical encodings of points in the prime-order subgroup other than the identity. */
function hasUnwantedPoint(...encodings: readonly Uint8Array[]): boolean {
  return encodings.some((encoding) => {
    const point = ed25519.Point.fromBytes(encoding, true);
    return toHex(point.toBytes()) !== toHex(encoding) || point.isSmallOrder() || !point.isTorsionFree();
  });
}

function checkSignature(backend: CryptoBackend, vector: CaseReader): Outcome {
  const publicKey = vector.hex('public');
  const signature = vector.hex('signature');
  const valid = backend.ed25519Verify(publicKey, vector.hex('message'), signature);
  const deliberate = !valid && vector.flag('valid') && hasUnwantedPoint(publicKey, signature.subarray(0, 32));
  return verdict(valid, vector, deliberate);
}

function statementOf(vector: CaseReader) {
  return {
    domain: vector.text('domain'),
    deviceId: vector.text('device_id'),
    devicePublic: vector.hex('device_public'),
    clientStatic: vector.hex('client_static'),
  };
}

function checkProve(backend: CryptoBackend, vector: CaseReader): void {
  const devicePrivate = vector.hex('device_private');
  const proof = proveWithNonceForTests(backend, devicePrivate, statementOf(vector), vector.hex('nonce64'));
  assert.equal(toHex(proof.commitment), vector.text('commitment'));
  assert.equal(toHex(proof.response), vector.text('response'));
}

function checkProveError(backend: CryptoBackend, vector: CaseReader): void {
  const nonce = new Uint8Array(64).fill(1);
  assert.throws(
    () => proveWithNonceForTests(backend, vector.hex('device_private'), statementOf(vector), nonce),
    ProofError,
  );
}

function checkProof(backend: CryptoBackend, vector: CaseReader): Outcome {
  const proof = { commitment: vector.hex('commitment'), response: vector.hex('response') };
  const valid = verifyDeviceKeyProof(backend, { ...statementOf(vector), proof });
  // The identity as commitment also occurs in a case without `quirk`: the proof for a nonce of zero, which gives the key away.
  const deliberate =
    !valid && vector.flag('valid') && hasUnwantedPoint(vector.hex('device_public'), proof.commitment);
  return verdict(valid, vector, deliberate);
}

function checkProofJson(_backend: CryptoBackend, vector: CaseReader): Outcome {
  const parse = () => proofFromJson(parseJsonText(vector.text('text')));
  if (vector.has('quirk') && vector.text('quirk') === 'struct-as-array') {
    assert.throws(parse, CommuCatError);
    return vector.flag('accepted') ? { quirk: 'refused: a proof is an object, not an array' } : 'checked';
  }
  if (vector.flag('accepted')) assert.equal(stringifyJson(proofToJson(parse())), vector.text('normalised'));
  else assert.throws(parse, CommuCatError);
  return 'checked';
}

function checkCertificateIssue(backend: CryptoBackend, vector: CaseReader): void {
  const certificate = issueCertificate(backend.ed25519Signer(vector.hex('ca_private')), {
    serial: BigInt(vector.text('serial')),
    userId: vector.text('user_id'),
    deviceId: vector.text('device_id'),
    publicKey: vector.hex('public_key'),
    issuedAt: BigInt(vector.text('issued_at')),
    expiresAt: BigInt(vector.text('expires_at')),
  });
  assert.equal(new TextDecoder().decode(certificateMessage(certificate)), vector.text('message_text'));
  assert.equal(toHex(certificate.issuer), vector.text('issuer'));
  assert.equal(toHex(certificate.signature), vector.text('signature'));
  const json = certificateToJson(certificate);
  assert.equal(stringifyJson(json), vector.text('certificate_text'));
  assert.equal(canonicalJson(json), vector.text('certificate_in_frame_text'));
  const read = certificateFromJson(parseJsonText(vector.text('certificate_in_frame_text')));
  assert.deepEqual(read, certificate);
  assert.ok(verifyCertificate(backend, read, vector.hex('issuer')));
}

function checkCertificateVerify(backend: CryptoBackend, vector: CaseReader): void {
  const verify = () => {
    const certificate = certificateFromJson(parseJsonText(vector.text('text')));
    return verifyCertificate(backend, certificate, vector.hex('authority'));
  };
  const isCertificate = !vector.has('reason') || vector.text('reason') === 'signature error';
  if (isCertificate) assert.equal(verify(), vector.flag('valid'));
  else assert.throws(verify, CommuCatError);
}
