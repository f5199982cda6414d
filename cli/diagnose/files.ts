import { X509Certificate } from 'node:crypto';
import { constants } from 'node:fs';
import { access, readFile, stat, statfs } from 'node:fs/promises';
import { type Config, exposedFiles } from '../../src/config/index.ts';
import { readTlsIdentity } from '../../src/gateway/index.ts';
import { describeError, errorWords } from '../kit/describe-error.ts';
import { checkLog } from '../log/log-check.ts';
import { type Finding, fail, leftOut, ok, warn } from './finding.ts';

const DISK = 'disk space';
const DAY_MS = 86_400_000;
const SOON_DAYS = 14;
const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
/** Families of segment files, each with one allocated ahead. */
const FAMILIES = 3;

export async function checkDataFolder(config: Config): Promise<readonly Finding[]> {
  const { storage, crypto } = config;
  const check = 'data folder';
  const { dataDir } = storage;
  const found = await stat(dataDir).catch(() => undefined);
  if (found === undefined) return [leftOut(check, `${dataDir} does not exist yet; the server creates it`)];
  const findings: Finding[] = [];
  const writable = await access(dataDir, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!writable) {
    findings.push(fail(check, `${dataDir} is not writable`, 'run this as the user of the server'));
  } else if ((found.mode & 0o077) !== 0) {
    const mode = (found.mode & 0o777).toString(8).padStart(4, '0');
    findings.push(warn(check, `${dataDir} has mode ${mode}`, `chmod 700 ${dataDir}`));
  } else findings.push(ok(check, dataDir));
  for (const file of [crypto.noiseKeyFile, crypto.federationSeedFile]) {
    const secret = await stat(file).catch(() => undefined);
    if (secret !== undefined && (secret.mode & 0o077) !== 0) {
      findings.push(
        fail('secret files', `${file} can be read by others`, `chmod 600 ${file}; the server refuses it`),
      );
    }
  }
  const others = exposedFiles(config).filter(({ path }) => path !== dataDir);
  return [...findings, ...others.map(({ detail, advice }) => warn('exposed files', detail, advice))];
}

export async function checkCertificate({ server }: Config, now: number): Promise<Finding> {
  const check = 'certificate';
  try {
    // Whatever the server would refuse.
    await readTlsIdentity(server);
    const certificate = new X509Certificate(await readFile(server.tlsCert));
    const until = Date.parse(certificate.validTo);
    const days = Math.floor((until - now) / DAY_MS);
    const detail = `${server.tlsCert}, until ${new Date(until).toISOString().slice(0, 10)}`;
    if (Date.parse(certificate.validFrom) > now) {
      return fail(check, `${detail}: not valid yet`, 'check the clock');
    }
    if (days < 0) return fail(check, `${detail}: expired`, 'renew it');
    if (days < SOON_DAYS) return warn(check, `${detail}: ${days} days left`, 'renew it');
    if (certificate.checkHost(server.domain) === undefined) {
      return warn(
        check,
        `${detail}, not for ${server.domain}`,
        'clients that connect by that name will refuse it',
      );
    }
    return ok(check, detail);
  } catch (error) {
    return fail(check, errorWords(error), 'server.tls_cert and server.tls_key name PEM files');
  }
}

export async function checkDisk({ storage, log }: Config): Promise<Finding> {
  try {
    const { bavail, bsize } = await statfs(storage.dataDir);
    return freeSpace(bavail * bsize, log.segmentBytes);
  } catch (error) {
    return leftOut(DISK, describeError(error));
  }
}

/** What so many free bytes mean for a log with segments of this size. */
export function freeSpace(free: number, segmentBytes: number): Finding {
  const detail = `${shownBytes(free)} free`;
  const advice = 'make room: without it the server acknowledges nothing';
  if (free < 2 * FAMILIES * segmentBytes) return fail(DISK, detail, advice);
  return free < 2 * GIB ? warn(DISK, detail, advice) : ok(DISK, detail);
}

function shownBytes(bytes: number): string {
  if (bytes >= GIB) return `${(bytes / GIB).toFixed(1)} GiB`;
  return bytes >= MIB ? `${Math.floor(bytes / MIB)} MiB` : `${bytes} bytes`;
}

/** Structure and checksums; `commucat log verify` also computes the hashes. */
export async function checkLogFiles({ storage }: Config): Promise<Finding> {
  const check = 'log';
  try {
    const { clean, summary } = await checkLog(storage.dataDir, false);
    return clean
      ? ok(check, summary)
      : fail(check, summary, 'stop the server, keep a copy of the files; commucat log verify says where');
  } catch (error) {
    return leftOut(check, describeError(error));
  }
}
