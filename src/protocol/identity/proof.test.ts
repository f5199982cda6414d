import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '../../../test/kit/seeded-random.ts';
import { sodiumBackend } from '../../crypto/index.ts';
import { toHex } from '../bytes.ts';
import { parseJsonText, stringifyJson } from '../json/json.ts';
import { nobleBackend } from '../noble-backend.ts';
import { deriveDeviceKey, noiseStaticFromDeviceKey } from './keys.ts';
import { ProofError, proofFromJson, proofToJson, proveDeviceKey, verifyDeviceKeyProof } from './proof.ts';

const device = deriveDeviceKey(sodiumBackend, seededRandom('device').bytes(64));
const stranger = deriveDeviceKey(sodiumBackend, seededRandom('stranger').bytes(64));
const statement = {
  domain: 'example.org',
  deviceId: 'device-1',
  devicePublic: device.publicKey,
  clientStatic: noiseStaticFromDeviceKey(sodiumBackend, device.privateKey).publicKey,
};

for (const [prover, verifier] of [
  [sodiumBackend, nobleBackend],
  [nobleBackend, sodiumBackend],
] as const) {
  describe(`given a proof made on ${prover.name} and checked on ${verifier.name}`, () => {
    const random = seededRandom('proofs');
    const proof = proveDeviceKey(prover, random, device.privateKey, statement);

    test('when nothing is changed, then it holds, and a second proof is another one', () => {
      assert.equal(verifyDeviceKeyProof(verifier, { ...statement, proof }), true);
      const second = proveDeviceKey(prover, random, device.privateKey, statement);
      assert.equal(verifyDeviceKeyProof(verifier, { ...statement, proof: second }), true);
      assert.notDeepEqual(second.commitment, proof.commitment);
    });

    test('when it is shown for anything else, then it does not hold', () => {
      const others = [
        { ...statement, domain: 'Example.org' },
        { ...statement, domain: 'example.or', deviceId: 'gdevice-1' },
        { ...statement, deviceId: 'device-2' },
        { ...statement, devicePublic: stranger.publicKey },
        { ...statement, clientStatic: stranger.publicKey },
        { ...statement, clientStatic: statement.clientStatic.subarray(1) },
        { ...statement, devicePublic: new Uint8Array(0) },
      ];
      for (const other of others) assert.equal(verifyDeviceKeyProof(verifier, { ...other, proof }), false);
    });

    test('when a part is changed, cut or exchanged, then it does not hold', () => {
      const { commitment, response } = proof;
      const proofs = [
        { commitment: response, response: commitment },
        { commitment: commitment.subarray(1), response },
        { commitment, response: response.subarray(1) },
        { commitment: commitment.map((byte, i) => (i === 9 ? byte ^ 1 : byte)), response },
        { commitment, response: response.map((byte, i) => (i === 0 ? byte ^ 1 : byte)) },
        { commitment: new Uint8Array(32), response: new Uint8Array(32) },
      ];
      for (const changed of proofs) {
        assert.equal(verifyDeviceKeyProof(verifier, { ...statement, proof: changed }), false);
      }
    });
  });
}

describe('given a prover', () => {
  test('when the key is not its own, then it refuses', () => {
    const prove = () => proveDeviceKey(sodiumBackend, seededRandom('x'), stranger.privateKey, statement);
    assert.throws(prove, { code: 'PROOF_KEY' });
  });

  test('when the random source gives zeros, then it refuses to give its key away', () => {
    const broken = { bytes: (length: number) => new Uint8Array(length) };
    const prove = () => proveDeviceKey(sodiumBackend, broken, device.privateKey, statement);
    assert.throws(prove, { code: 'PROOF_RANDOM' });
  });

  test('when it has proved, then the private key is still there', () => {
    const before = toHex(device.privateKey);
    proveDeviceKey(sodiumBackend, seededRandom('x'), device.privateKey, statement);
    assert.equal(toHex(device.privateKey), before);
  });
});

test('given a proof, when it goes through JSON, then it is the same', () => {
  const proof = proveDeviceKey(sodiumBackend, seededRandom('json'), device.privateKey, statement);
  assert.deepEqual(proofFromJson(parseJsonText(stringifyJson(proofToJson(proof)))), {
    commitment: Uint8Array.from(proof.commitment),
    response: Uint8Array.from(proof.response),
  });
});

test('given JSON that is no proof, when it is read, then the field is named', () => {
  const digits = '00'.repeat(32);
  for (const value of [
    null,
    [digits, digits],
    {},
    { commitment: digits },
    { commitment: digits, response: 'zz' },
  ]) {
    assert.throws(() => proofFromJson(value), ProofError);
  }
  assert.throws(() => proofFromJson({ commitment: digits, response: `${digits}0` }), /response/);
});
