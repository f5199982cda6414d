import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { CommuCatError } from '../../ports/commucat-error.ts';

/** Suites of TLS 1.2: forward secrecy and authenticated encryption only, as HTTP/2 demands (RFC 9113, 9.2.2). */
const TLS_1_2_CIPHERS = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
];
const TLS_1_3_CIPHERS = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

/** TLS 1.3, and 1.2 if the operator allows it. PROTOCOL.md 2.1. */
export function protocolOptions(oldest: '1.2' | '1.3'): SecureContextOptions {
  return oldest === '1.3'
    ? { minVersion: 'TLSv1.3' }
    : { minVersion: 'TLSv1.2', ciphers: [...TLS_1_3_CIPHERS, ...TLS_1_2_CIPHERS].join(':') };
}

export interface TlsFiles {
  readonly tlsCert: string;
  readonly tlsKey: string;
}

/** A certificate with the key that belongs to it. */
export interface TlsIdentity {
  /** PEM, the chain included. */
  readonly cert: Buffer;
  readonly key: Buffer;
  /** SHA-256 of the certificate, hexadecimal. */
  readonly fingerprint: string;
  /** Names and addresses that it is for, as OpenSSL writes them. */
  readonly names: string;
  /** Milliseconds since the Unix epoch. */
  readonly validFrom: number;
  readonly validTo: number;
  /** Differs when either file does. */
  readonly digest: string;
}

export type TlsIdentityFault = 'unreadable' | 'no_certificate' | 'no_key' | 'mismatch' | 'unusable';

export class TlsIdentityError extends CommuCatError {
  readonly fault: TlsIdentityFault;
  /** Of the files as they were read; undefined: they could not be. */
  readonly digest: string | undefined;

  constructor(fault: TlsIdentityFault, message: string, digest?: string, cause?: unknown) {
    super('TLS_IDENTITY_INVALID', message, { cause });
    this.fault = fault;
    this.digest = digest;
  }
}

/**
 * Reads a certificate and its key, and checks that both can be used, together.
 *
 * @throws TlsIdentityError which names the file at fault and quotes nothing of it
 */
export async function readTlsIdentity({ tlsCert, tlsKey }: TlsFiles): Promise<TlsIdentity> {
  const [cert, key] = await Promise.all([readPem(tlsCert), readPem(tlsKey)]);
  const digest = createHash('sha256').update(cert).update('\0').update(key).digest('hex');
  const attempt = <T>(fault: TlsIdentityFault, message: string, make: () => T): T => {
    try {
      return make();
    } catch (cause) {
      throw new TlsIdentityError(fault, message, digest, cause);
    }
  };
  const certificate = attempt('no_certificate', `${tlsCert} holds no certificate in PEM`, () => {
    return new X509Certificate(cert);
  });
  if (isEncrypted(key)) {
    const advice =
      'the server has no passphrase to ask for; write it without one (openssl pkey -in FILE -out NEW)';
    throw new TlsIdentityError('no_key', `${tlsKey} is encrypted: ${advice}`, digest);
  }
  const privateKey = attempt('no_key', `${tlsKey} holds no private key in PEM`, () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new TlsIdentityError('mismatch', `the key in ${tlsKey} is not that of ${tlsCert}`, digest);
  }
  // A chain that is cut off, or a key that this TLS does not take, shows only here.
  attempt('unusable', `TLS cannot use ${tlsCert} with ${tlsKey}`, () => createSecureContext({ cert, key }));
  return {
    cert,
    key,
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    names: certificate.subjectAltName ?? '',
    validFrom: Date.parse(certificate.validFrom),
    validTo: Date.parse(certificate.validTo),
    digest,
  };
}

/** PKCS #8 with a passphrase, and what OpenSSL wrote before it. */
function isEncrypted(pem: Buffer): boolean {
  return /^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem.toString('latin1'));
}

async function readPem(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'an error';
    throw new TlsIdentityError('unreadable', `${file} cannot be read: ${code}`, undefined, cause);
  }
}
