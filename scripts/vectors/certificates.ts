import { toHex } from '../../src/protocol/bytes.ts';
import type { CryptoBackend } from '../../src/protocol/crypto-backend.ts';
import { CommuCatError } from '../../src/protocol/frames/errors.ts';
import {
  type CertificateFields,
  type CertificateTime,
  type CertificateValidity,
  certificateFromJson,
  certificateMessage,
  certificateToJson,
  certificateValidity,
  type DeviceCertificate,
  issueCertificate,
  verifyCertificate,
} from '../../src/protocol/identity/certificate.ts';
import { deriveAuthorityKey, deriveDeviceKey } from '../../src/protocol/identity/keys.ts';
import { type JsonInput, parseJsonText, stringifyJson } from '../../src/protocol/json/json.ts';
import { material } from './material.ts';
import { insist, type VectorCase, type VectorFile } from './vector-file.ts';

const ISSUED = 1_790_000_000;
const EXPIRES = ISSUED + 30 * 86_400;

function authorityOf(backend: CryptoBackend) {
  return deriveAuthorityKey(backend, material('certificate authority'));
}

function fieldsOf(backend: CryptoBackend, changes: Partial<CertificateFields> = {}): CertificateFields {
  const { publicKey } = deriveDeviceKey(backend, material('certified device'));
  const names = { userId: 'user-of-korat', deviceId: 'korat-phone' };
  return { serial: 90_210n, ...names, publicKey, issuedAt: ISSUED, expiresAt: EXPIRES, ...changes };
}

function issued(backend: CryptoBackend, name: string, changes: Partial<CertificateFields>): VectorCase {
  const authority = authorityOf(backend);
  const certificate = issueCertificate(
    backend.ed25519Signer(authority.privateKey),
    fieldsOf(backend, changes),
  );
  insist(verifyCertificate(backend, certificate, authority.publicKey), name);
  return {
    name,
    op: 'issue',
    authority_private: toHex(authority.privateKey),
    serial: String(certificate.serial),
    user_id: certificate.userId,
    device_id: certificate.deviceId,
    public_key: toHex(certificate.publicKey),
    issuer: toHex(certificate.issuer),
    issued_at: String(certificate.issuedAt),
    expires_at: String(certificate.expiresAt),
    message: new TextDecoder().decode(certificateMessage(certificate)),
    signature: toHex(certificate.signature),
    certificate: stringifyJson(certificateToJson(certificate)),
  };
}

/** `valid` false: the signature or the issuer does not fit; `malformed`: the text is no certificate. */
type Verdict = 'valid' | 'refused' | 'malformed';

function judged(backend: CryptoBackend, name: string, text: string, verdict: Verdict): VectorCase {
  const { publicKey } = authorityOf(backend);
  insist(verdictOf(backend, text, publicKey) === verdict, name);
  return { name, op: 'verify', authority: toHex(publicKey), certificate: text, verdict };
}

function verdictOf(backend: CryptoBackend, text: string, authority: Uint8Array): Verdict {
  let certificate: DeviceCertificate;
  try {
    certificate = certificateFromJson(parseJsonText(text));
  } catch (error) {
    if (error instanceof CommuCatError) return 'malformed';
    throw error;
  }
  return verifyCertificate(backend, certificate, authority) ? 'valid' : 'refused';
}

/** One certificate, as it is and with one thing changed at a time. */
function judgements(backend: CryptoBackend): VectorCase[] {
  const authority = authorityOf(backend);
  const genuine = certificateToJson(
    issueCertificate(backend.ed25519Signer(authority.privateKey), fieldsOf(backend)),
  );
  const text = stringifyJson(genuine);
  const changed = (changes: Readonly<Record<string, JsonInput>>): string =>
    stringifyJson({ ...genuine, ...changes });
  const stranger = deriveAuthorityKey(backend, material('another authority'));
  const foreign = certificateToJson(
    issueCertificate(backend.ed25519Signer(stranger.privateKey), fieldsOf(backend)),
  );
  const signature = String(genuine.signature);
  const cases: ReadonlyArray<readonly [string, string, Verdict]> = [
    ['genuine', text, 'valid'],
    ['other order of keys', stringifyJson(Object.fromEntries(Object.entries(genuine).toReversed())), 'valid'],
    ['a further key', changed({ note: 'not signed' }), 'valid'],
    ['hex in upper case', changed({ public_key: String(genuine.public_key).toUpperCase() }), 'valid'],
    ['serial changed', changed({ serial: 90_211 }), 'refused'],
    ['user changed', changed({ user_id: 'user-of-kora' }), 'refused'],
    ['device changed', changed({ device_id: 'korat-phonf' }), 'refused'],
    ['key changed', changed({ public_key: toHex(stranger.publicKey) }), 'refused'],
    ['longer life', changed({ expires_at: EXPIRES + 1 }), 'refused'],
    ['earlier birth', changed({ issued_at: ISSUED - 1 }), 'refused'],
    ['issuer changed', changed({ issuer: toHex(stranger.publicKey) }), 'refused'],
    ['signed by another authority', stringifyJson(foreign), 'refused'],
    ['another issuer with our name', stringifyJson({ ...foreign, issuer: genuine.issuer ?? '' }), 'refused'],
    ['last bit of the signature', changed({ signature: flipLastBit(signature) }), 'refused'],
    ['signature of zeros', changed({ signature: '0'.repeat(128) }), 'refused'],
    ['serial as a string', changed({ serial: '90210' }), 'malformed'],
    ['serial with a fraction', text.replace(':90210,', ':90210.0,'), 'malformed'],
    ['serial of 2^64', text.replace(':90210,', ':18446744073709551616,'), 'malformed'],
    ['negative serial', changed({ serial: -1 }), 'malformed'],
    ['time beyond 63 bits', changed({ expires_at: 9_223_372_036_854_775_808n }), 'malformed'],
    ['no user', changed({ user_id: undefined }), 'malformed'],
    ['key of 31 bytes', changed({ public_key: '7e'.repeat(31) }), 'malformed'],
    ['signature with a letter that is no digit', changed({ signature: 'g'.repeat(128) }), 'malformed'],
    ['null', 'null', 'malformed'],
    ['an array', '[]', 'malformed'],
  ];
  return cases.map(([name, certificate, verdict]) => judged(backend, name, certificate, verdict));
}

function flipLastBit(hex: string): string {
  const last = Number.parseInt(hex.slice(-1), 16) ^ 1;
  return hex.slice(0, -1) + last.toString(16);
}

/** Issued, expires, now: seconds. */
const TIMES: ReadonlyArray<readonly [CertificateTime, CertificateTime, number, CertificateValidity]> = [
  [1000, 5000, 1000, 'valid'],
  [1000, 5000, 4999, 'valid'],
  [1000, 5000, 5000, 'expired'],
  [1000, 5000, 700, 'valid'],
  [1000, 5000, 699, 'not_yet_valid'],
  [5000, 5000, 4000, 'never_valid'],
  [5001, 5000, 6000, 'never_valid'],
];

export const certificates: VectorFile = {
  about: 'Device certificates: the text that is signed, genuine, forged and malformed ones, and their times.',
  section: '3.8',
  cases: (backend) => [
    issued(backend, 'plain', {}),
    issued(backend, 'largest serial', { serial: 18_446_744_073_709_551_615n }),
    issued(backend, 'serial zero', { serial: 0n }),
    issued(backend, 'serial that a double cannot hold', { serial: 9_007_199_254_740_993n }),
    issued(backend, 'times at the ends of 64 bits', {
      issuedAt: -9_223_372_036_854_775_808n,
      expiresAt: 9_223_372_036_854_775_807n,
    }),
    issued(backend, 'strings that need escapes', {
      userId: 'q"u\\o/t\te\u0001\u007f',
      deviceId: 'Käthe \u{1f408}\u2028',
    }),
    issued(backend, 'empty strings', { userId: '', deviceId: '' }),
    ...judgements(backend),
    ...TIMES.map(([issuedAt, expiresAt, now, verdict]) => {
      const name = `issued ${issuedAt}, expires ${expiresAt}, now ${now}`;
      insist(certificateValidity(fieldsOf(backend, { issuedAt, expiresAt }), now) === verdict, name);
      return { name, op: 'times', issued_at: issuedAt, expires_at: expiresAt, now, verdict };
    }),
  ],
};
