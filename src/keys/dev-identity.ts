import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { Clock, Random } from '../ports/ports.ts';
import { readSecretFile, replaceSecretFile } from './secret-file.ts';

export interface DevIdentityOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Names and addresses besides localhost, 127.0.0.1 and ::1. */
  readonly hosts?: readonly string[];
}

/** PEM files; clients trust the first one. */
export interface DevIdentity {
  readonly caFile: string;
  /** The server's certificate, followed by that of the CA. */
  readonly certFile: string;
  readonly keyFile: string;
}

const DAY_MS = 86_400_000;
const RENEW_BEFORE_MS = 30 * DAY_MS;
const OWN_HOSTS = ['localhost', '127.0.0.1', '::1'];

/**
 * A certificate authority of this machine's own and a TLS certificate by it, for development: created in `directory`
 * when they are missing, expire within 30 days, do not belong together or lack one of the hosts. The CA outlives its
 * certificates, so that clients which trust it go on. All files have mode 0600.
 * @throws SecretFileError when a key file is readable by others.
 */
export async function ensureDevIdentity(
  directory: string,
  options: DevIdentityOptions,
): Promise<DevIdentity> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const hosts = [...new Set([...OWN_HOSTS, ...(options.hosts ?? [])])];
  const identity = {
    caFile: join(directory, 'ca.pem'),
    certFile: join(directory, 'cert.pem'),
    keyFile: join(directory, 'key.pem'),
  };
  const caKeyFile = join(directory, 'ca-key.pem');
  const now = options.clock.now();
  const write = (file: string, content: string): void => replaceSecretFile(file, content, options.random);

  const certificate = readPair(identity.certFile, identity.keyFile, now);
  let authority = readPair(identity.caFile, caKeyFile, now);
  if (certificate !== undefined && authority !== undefined && serves(certificate, authority, hosts)) {
    return identity;
  }

  const { issueAuthority, issueServerCertificate } = await import('./issue-certificate.ts');
  const dates = { now, serial: () => options.random.bytes(16) };
  if (authority === undefined) {
    const issued = await issueAuthority(dates);
    write(caKeyFile, issued.key);
    write(identity.caFile, issued.certificate);
    authority = issued;
  }
  const issued = await issueServerCertificate(authority, hosts, dates);
  write(identity.keyFile, issued.key);
  write(identity.certFile, issued.certificate + authority.certificate);
  return identity;
}

interface PemPair {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate with its key, if both are there, belong together and stay valid long enough. */
function readPair(certificateFile: string, keyFile: string, now: number): PemPair | undefined {
  const key = readSecretFile(keyFile);
  if (key === undefined) return undefined;
  try {
    const certificate = readFileSync(certificateFile, 'utf8');
    const parsed = new X509Certificate(certificate);
    const isCurrent =
      Date.parse(parsed.validFrom) <= now && Date.parse(parsed.validTo) >= now + RENEW_BEFORE_MS;
    return isCurrent && parsed.checkPrivateKey(createPrivateKey(key)) ? { certificate, key } : undefined;
  } catch {
    // Missing or damaged: for what this identity is for, a new one is as good.
    return undefined;
  }
}

function serves(pair: PemPair, authority: PemPair, hosts: readonly string[]): boolean {
  const certificate = new X509Certificate(pair.certificate);
  const issuer = new X509Certificate(authority.certificate);
  if (!certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) return false;
  return hosts.every((host) => {
    const match = isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host);
    return match !== undefined;
  });
}
