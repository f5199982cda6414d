import { sodiumBackend } from '../../src/crypto/index.ts';
import {
  CertificateError,
  certificateFromJson,
  certificateMessage,
  certificateToJson,
  certificateValidity,
  isRenewalDue,
  issueCertificate,
  verifyCertificate,
} from '../../src/protocol/identity/certificate.ts';
import { encodeJson, parseJson } from '../../src/protocol/json/json.ts';
import { nobleBackend } from '../../src/protocol/noble-backend.ts';
import { attempt, must, mustEqual } from '../oracles.ts';
import type { FuzzTarget } from '../target.ts';

const AUTHORITY = new Uint8Array(32).fill(9);
const PUBLIC = sodiumBackend.ed25519Public(AUTHORITY);
const NOW = 1_800_000_000;

function issued(serial: bigint, userId: string, deviceId: string, expiresAt: number | bigint): Uint8Array {
  const publicKey = sodiumBackend.ed25519Public(new Uint8Array(32).fill(3));
  const fields = { serial, userId, deviceId, publicKey, issuedAt: NOW - 1000, expiresAt };
  return encodeJson(certificateToJson(issueCertificate(sodiumBackend.ed25519Signer(AUTHORITY), fields)));
}

/** Keys and signatures of the kinds on which implementations differ: small order, not canonical, s = L. */
function special(): Uint8Array[] {
  const valid = JSON.parse(Buffer.from(issued(1n, 'u', 'd', NOW + 1000)).toString()) as Record<
    string,
    unknown
  >;
  const identity = `01${'00'.repeat(31)}`;
  const order = 'edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010';
  const keys = [
    identity,
    '00'.repeat(32),
    `${'ff'.repeat(31)}7f`,
    `ee${'ff'.repeat(30)}7f`,
    `01${'00'.repeat(30)}80`,
  ];
  const forged = keys.flatMap((key) => [
    { ...valid, issuer: key, signature: `${identity}${'00'.repeat(32)}` },
    { ...valid, issuer: key, signature: `${key}${'00'.repeat(32)}` },
  ]);
  const late = { ...valid, signature: `${String(valid.signature).slice(0, 64)}${order}` };
  return [...forged, late].map((certificate) => Buffer.from(JSON.stringify(certificate)));
}

export const target: FuzzTarget = {
  name: 'certificate',
  about:
    'device certificate: only CertificateError, round trip, both backends agree on the signature, no forgery',
  maxLength: 2048,
  form: 'json',
  seeds: () => [
    issued(1n, 'user-1', 'device-1', NOW + 1000),
    issued(0xffff_ffff_ffff_ffffn, 'Ünï"\\\n', '', 0x7fff_ffff_ffff_ffffn),
    ...special(),
  ],
  run(data) {
    const { value: json } = attempt(() => parseJson(data));
    if (json === undefined) return;
    const { value: certificate, error } = attempt(() => certificateFromJson(json));
    if (certificate === undefined) {
      must(error instanceof CertificateError, 'what is no certificate is a CertificateError');
      return;
    }
    const again = certificateFromJson(parseJson(encodeJson(certificateToJson(certificate))));
    mustEqual(again, certificate, 'the same after writing and reading');
    mustEqual(certificateMessage(again), certificateMessage(certificate), 'what is signed is stable');
    certificateValidity(certificate, NOW);
    isRenewalDue(certificate, NOW);
    const fast = verifyCertificate(sodiumBackend, certificate, certificate.issuer);
    mustEqual(verifyCertificate(nobleBackend, certificate, certificate.issuer), fast, 'both backends agree');
    if (verifyCertificate(sodiumBackend, certificate, PUBLIC)) checkGenuine(certificate);
    const { userId, deviceId, serial, publicKey, issuedAt, expiresAt } = certificate;
    const fields = { userId, deviceId, serial, publicKey, issuedAt, expiresAt };
    const own = issueCertificate(sodiumBackend.ed25519Signer(AUTHORITY), fields);
    must(verifyCertificate(nobleBackend, own, PUBLIC), 'what one backend signs the other accepts');
  },
};

/** Ed25519 is deterministic: another signature than ours for the same fields would be malleable or forged. */
function checkGenuine(certificate: ReturnType<typeof certificateFromJson>): void {
  const expected = sodiumBackend.ed25519Signer(AUTHORITY).sign(certificateMessage(certificate));
  mustEqual(certificate.signature, expected, 'there is one valid signature');
}
