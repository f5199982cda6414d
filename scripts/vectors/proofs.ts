import { ed25519 } from '@noble/curves/ed25519.js';
import { concatBytes, fromHex, toHex, u32le, u64le, utf8 } from '../../src/protocol/bytes.ts';
import type { CryptoBackend } from '../../src/protocol/crypto-backend.ts';
import { deriveDeviceKey, noiseKeyPair, noiseStaticFromDeviceKey } from '../../src/protocol/identity/keys.ts';
import {
  type DeviceKeyProof,
  type ProofStatement,
  proveWithNonceForTests,
  verifyDeviceKeyProof,
} from '../../src/protocol/identity/proof.ts';
import { material } from './material.ts';
import { insist, type VectorCase, type VectorFile } from './vector-file.ts';

const { Point } = ed25519;
const { Fn } = Point;
const DOMAIN_STRING = utf8('commucat:zkp:handshake:v1');
/** (0, 1) and (0, -1): the points of order 1 and 2. */
const IDENTITY = fromHex('01'.padEnd(64, '0'));
const ORDER_TWO = fromHex(`ec${'ff'.repeat(30)}7f`);
/** (0, 1) with y written as p + 1. */
const IDENTITY_NOT_CANONICAL = fromHex(`ee${'ff'.repeat(30)}7f`);

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes.toReversed())}`);
}

function contextOf({ domain, deviceId, devicePublic, clientStatic }: ProofStatement): Uint8Array {
  const [name, id] = [utf8(domain), utf8(deviceId)];
  return concatBytes(
    DOMAIN_STRING,
    u32le(name.length),
    name,
    u32le(id.length),
    id,
    devicePublic,
    clientStatic,
  );
}

function challengeHash(
  backend: CryptoBackend,
  statement: ProofStatement,
  commitment: Uint8Array,
): Uint8Array {
  const context = contextOf(statement);
  const input = [DOMAIN_STRING, u64le(context.length), context, statement.devicePublic, commitment];
  return backend.blake3(concatBytes(...input), 64);
}

function statementJson(statement: ProofStatement) {
  return {
    domain: statement.domain,
    device_id: statement.deviceId,
    device_public: toHex(statement.devicePublic),
    client_static: toHex(statement.clientStatic),
  };
}

interface Prover {
  readonly privateKey: Uint8Array;
  readonly statement: ProofStatement;
}

function prover(backend: CryptoBackend, domain: string, deviceId: string): Prover {
  const { privateKey, publicKey } = deriveDeviceKey(backend, material(`prover ${deviceId}`, 40));
  const clientStatic = noiseStaticFromDeviceKey(backend, privateKey).publicKey;
  return { privateKey, statement: { domain, deviceId, devicePublic: publicKey, clientStatic } };
}

/** The proof with every intermediate value. */
function proved(backend: CryptoBackend, name: string, by: Prover, nonce: Uint8Array): VectorCase {
  const { privateKey, statement } = by;
  const proof = proveWithNonceForTests(backend, privateKey, statement, nonce);
  const hash = challengeHash(backend, statement, proof.commitment);
  insist(verifyDeviceKeyProof(backend, { ...statement, proof }), name);
  return {
    name,
    op: 'prove',
    ...statementJson(statement),
    private: toHex(privateKey),
    nonce: toHex(nonce),
    context: toHex(contextOf(statement)),
    commitment: toHex(proof.commitment),
    challenge_hash: toHex(hash),
    challenge: toHex(Fn.toBytes(Fn.create(numberOf(hash)))),
    response: toHex(proof.response),
  };
}

function verified(
  backend: CryptoBackend,
  name: string,
  statement: ProofStatement,
  proof: DeviceKeyProof,
  valid: boolean,
): VectorCase {
  insist(verifyDeviceKeyProof(backend, { ...statement, proof }) === valid, name);
  const halves = { commitment: toHex(proof.commitment), response: toHex(proof.response) };
  return { name, op: 'verify', ...statementJson(statement), ...halves, valid };
}

/** The key plus the point of order two: the equation holds whenever the challenge is even. */
function keyWithTorsion(backend: CryptoBackend, { privateKey, statement }: Prover): VectorCase {
  const key = Point.fromBytes(statement.devicePublic).add(Point.fromBytes(ORDER_TWO));
  const twisted = { ...statement, devicePublic: key.toBytes() };
  const digest = backend.sha512(privateKey).slice(0, 32);
  digest[0] = (digest[0] ?? 0) & 0xf8;
  digest[31] = ((digest[31] ?? 0) & 0x7f) | 0x40;
  for (let attempt = 0; ; attempt++) {
    const r = Fn.create(numberOf(material(`torsion ${attempt}`, 64)));
    const commitment = Point.BASE.multiply(r).toBytes();
    const c = Fn.create(numberOf(challengeHash(backend, twisted, commitment)));
    if (c % 2n !== 0n) continue;
    const response = Fn.toBytes(Fn.create(r + c * numberOf(digest)));
    const name = 'key with a torsion part, for which the equation holds';
    return verified(backend, name, twisted, { commitment, response }, false);
  }
}

function refusals(backend: CryptoBackend): VectorCase[] {
  const by = prover(backend, 'Clowder.example', 'ragdoll-watch');
  const { statement } = by;
  const proof = proveWithNonceForTests(backend, by.privateKey, statement, material('refusals', 64));
  const other = prover(backend, 'Clowder.example', 'sphynx-tv').statement;
  const foreignStatic = noiseKeyPair(backend, material('another noise key')).publicKey;
  const { commitment, response } = proof;
  const next = Fn.toBytes(Fn.create(numberOf(response) + 1n));
  // The same residue, written as a number beyond the order.
  const beyond = fromHex((numberOf(response) + Fn.ORDER).toString(16).padStart(64, '0')).toReversed();
  const cases: ReadonlyArray<readonly [string, ProofStatement, DeviceKeyProof]> = [
    ['domain in other letter case', { ...statement, domain: 'clowder.example' }, proof],
    ['another domain', { ...statement, domain: 'Clowder.example.' }, proof],
    ['another device id', { ...statement, deviceId: 'ragdoll-watcg' }, proof],
    ['another device key', { ...statement, devicePublic: other.devicePublic }, proof],
    ['another Noise key', { ...statement, clientStatic: foreignStatic }, proof],
    ['response larger by one', statement, { commitment, response: next }],
    ['response plus the order of the group', statement, { commitment, response: beyond }],
    ['response of zero', statement, { commitment, response: new Uint8Array(32) }],
    ['commitment of another device', statement, { commitment: other.devicePublic, response }],
    ['identity as commitment', statement, { commitment: IDENTITY, response }],
    ['identity as commitment, not canonical', statement, { commitment: IDENTITY_NOT_CANONICAL, response }],
    ['commitment that is no point', statement, { commitment: fromHex('02'.padEnd(64, '0')), response }],
    ['key of order two', { ...statement, devicePublic: ORDER_TWO }, proof],
    ['identity as key', { ...statement, devicePublic: IDENTITY }, proof],
  ];
  return [
    verified(backend, 'as it was made', statement, proof, true),
    ...cases.map(([name, changed, sent]) => verified(backend, name, changed, sent, false)),
    keyWithTorsion(backend, by),
  ];
}

export const proofs: VectorFile = {
  about:
    'Proofs of the device key with given nonces and all intermediate values, and proofs that must be refused.',
  section: '3.7',
  cases: (backend) => [
    ...[
      ['short names', 'paw.example', 'x'],
      ['letter case of the domain is kept', 'Cats.Example', 'calico-7'],
      ['domain beyond ASCII: lengths count UTF-8 bytes', 'kätzchen.example', 'bengal-tablet'],
      ['longest device id', 'chat.cats.example', 'd'.repeat(128)],
    ].map(([name = '', domain = '', deviceId = '']) =>
      proved(backend, name, prover(backend, domain, deviceId), material(`nonce ${deviceId}`, 64)),
    ),
    proved(
      backend,
      'nonce far above the order of the group',
      prover(backend, 'paw.example', 'birman-9'),
      fromHex(`fe${'ff'.repeat(63)}`),
    ),
    ...refusals(backend),
  ],
};
