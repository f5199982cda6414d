import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { issueAuthority, issueServerCertificate } from '../../src/keys/issue-certificate.ts';

const DAY_MS = 86_400_000;

export interface Pair {
  readonly certificate: string;
  readonly key: string;
  /** SHA-256, as a client sees it. */
  readonly fingerprint: string;
}

/** A certificate for localhost by a new authority, issued so many days ago; it lasts 397. */
export async function issuePair(daysAgo = 0): Promise<Pair> {
  const time = { now: Date.now() - daysAgo * DAY_MS, serial: () => randomBytes(16) };
  const { certificate, key } = await issueServerCertificate(await issueAuthority(time), ['localhost'], time);
  const { raw } = new X509Certificate(certificate);
  return { certificate, key, fingerprint: createHash('sha256').update(raw).digest('hex') };
}

/** A folder where pairs are put as tools put them. */
export class CertificateFolder implements AsyncDisposable {
  readonly path: string;
  #version = 0;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<CertificateFolder> {
    return new CertificateFolder(await mkdtemp(join(tmpdir(), 'commucat-certificates-')));
  }

  /** Both files renamed into place, one after the other. */
  async renamed(pair: Pair): Promise<{ readonly cert: string; readonly key: string }> {
    const files = { cert: join(this.path, 'cert.pem'), key: join(this.path, 'key.pem') };
    await writeFile(`${files.cert}.new`, pair.certificate);
    await writeFile(`${files.key}.new`, pair.key);
    await rename(`${files.cert}.new`, files.cert);
    await rename(`${files.key}.new`, files.key);
    return files;
  }

  /** As certbot does it: links in `live`, each turned to the next version in `archive`. */
  async relinked(pair: Pair): Promise<{ readonly cert: string; readonly key: string }> {
    this.#version += 1;
    const [live, archive] = [join(this.path, 'live'), join(this.path, 'archive')];
    await mkdir(live, { recursive: true });
    await mkdir(archive, { recursive: true });
    for (const [name, content] of [
      ['fullchain', pair.certificate],
      ['privkey', pair.key],
    ] as const) {
      await writeFile(join(archive, `${name}${this.#version}.pem`), content);
      await this.#link(join('..', 'archive', `${name}${this.#version}.pem`), join(live, `${name}.pem`));
    }
    return { cert: join(live, 'fullchain.pem'), key: join(live, 'privkey.pem') };
  }

  /** As Kubernetes mounts a secret: the files are links through `..data`, which is turned to another folder. */
  async mounted(pair: Pair): Promise<{ readonly cert: string; readonly key: string }> {
    this.#version += 1;
    const folder = join(this.path, `..version-${this.#version}`);
    await mkdir(folder);
    await writeFile(join(folder, 'tls.crt'), pair.certificate);
    await writeFile(join(folder, 'tls.key'), pair.key);
    await this.#link(`..version-${this.#version}`, join(this.path, '..data'));
    const files = { cert: join(this.path, 'tls.crt'), key: join(this.path, 'tls.key') };
    if (this.#version === 1) {
      await symlink(join('..data', 'tls.crt'), files.cert);
      await symlink(join('..data', 'tls.key'), files.key);
    }
    return files;
  }

  /** A folder above the files is replaced, which no watch of the files' own folder sees. */
  async released(pair: Pair): Promise<{ readonly cert: string; readonly key: string }> {
    this.#version += 1;
    const folder = join(this.path, `release-${this.#version}`);
    await mkdir(folder);
    await writeFile(join(folder, 'cert.pem'), pair.certificate);
    await writeFile(join(folder, 'key.pem'), pair.key);
    await this.#link(`release-${this.#version}`, join(this.path, 'current'));
    return { cert: join(this.path, 'current', 'cert.pem'), key: join(this.path, 'current', 'key.pem') };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }

  async #link(target: string, path: string): Promise<void> {
    await symlink(target, `${path}.new`);
    await rename(`${path}.new`, path);
  }
}
