// Must be evaluated before the X.509 library, which loads slowly: import this module only when something is issued.
// oxlint-disable-next-line import/no-unassigned-import -- it adds to the global Reflect, which the library expects
import 'reflect-metadata';
import { createPrivateKey, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { toHex } from '../protocol/bytes.ts';

export interface Issued {
  /** PEM. */
  readonly certificate: string;
  /** PKCS #8 PEM. */
  readonly key: string;
}

export interface IssueTime {
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  /** 16 random bytes, other ones at each call. */
  readonly serial: () => Uint8Array;
}

const DAY_MS = 86_400_000;
/** What browsers accept at most from a server. */
const SERVER_DAYS = 397;
const AUTHORITY_DAYS = 3650;
const ECDSA_P256 = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const ECDSA_SHA256 = { name: 'ECDSA', hash: 'SHA-256' } as const;
const AUTHORITY_NAME = 'CN=CommuCat development CA';

/** A self-signed CA that may only issue end-entity certificates. */
export async function issueAuthority(time: IssueTime): Promise<Issued> {
  const keys = await webcrypto.subtle.generateKey(ECDSA_P256, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: AUTHORITY_NAME,
    keys,
    ...validity(time, AUTHORITY_DAYS),
    signingAlgorithm: ECDSA_SHA256,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: pem(certificate), key: await privatePem(keys.privateKey) };
}

/** A TLS server certificate for these names and addresses. */
export async function issueServerCertificate(
  authority: Issued,
  hosts: readonly string[],
  time: IssueTime,
): Promise<Issued> {
  const keys = await webcrypto.subtle.generateKey(ECDSA_P256, true, ['sign', 'verify']);
  const issuer = new X509Certificate(authority.certificate);
  const names = hosts.map((host) => ({ type: isIP(host) === 0 ? 'dns' : 'ip', value: host }) as const);
  const extensions: Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    new SubjectAlternativeNameExtension(names),
    await SubjectKeyIdentifierExtension.create(keys.publicKey),
    await AuthorityKeyIdentifierExtension.create(issuer),
  ];
  const certificate = await X509CertificateGenerator.create({
    subject: 'CN=CommuCat development server',
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey: await signingKey(authority.key),
    ...validity(time, SERVER_DAYS),
    signingAlgorithm: ECDSA_SHA256,
    extensions,
  });
  return { certificate: pem(certificate), key: await privatePem(keys.privateKey) };
}

function validity({ now, serial }: IssueTime, days: number) {
  const number = serial();
  // A serial number is positive and starts with no zero byte: the first byte is made 0x40 to 0x7f.
  number[0] = ((number[0] ?? 0) & 0x3f) | 0x40;
  // An hour of slack for peers whose clocks are behind.
  return {
    serialNumber: toHex(number),
    notBefore: new Date(now - 3_600_000),
    notAfter: new Date(now + days * DAY_MS),
  };
}

function pem(certificate: X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}

async function signingKey(privateKeyPem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(privateKeyPem).export({ format: 'der', type: 'pkcs8' });
  return webcrypto.subtle.importKey('pkcs8', der, ECDSA_P256, false, ['sign']);
}
