import { join } from 'node:path';
import { type Config, postgresChoice } from '../../src/config/index.ts';
import { isLocked } from '../../src/log/segments/disk/lock.ts';
import { startEmbeddedPostgres } from '../../src/projections/index.ts';
import { systemRandom } from '../../src/system/index.ts';
import { requireOwner } from '../kit/folder-owner.ts';

/** The database of the read models, as the configuration names it. */
export interface Database {
  readonly kind: 'embedded' | 'dsn';
  readonly dsn: string;
}

/**
 * Works with the database of the read models. The embedded one is started for it, unless its server runs, and stopped
 * afterwards, unless a server has come meanwhile: it has found the database running, and needs it.
 *
 * @param alone the caller has the lock of the log, so that no server can come
 * @returns what `use` returns; undefined where the configuration wants no read models
 */
export async function withDatabase<T>(
  config: Config,
  use: (database: Database) => Promise<T>,
  alone = false,
): Promise<T | undefined> {
  const choice = postgresChoice(config);
  if (choice.kind === 'none') return undefined;
  if (choice.kind === 'dsn') return use(choice);
  await requireOwner(config.storage.dataDir);
  const directory = join(config.storage.dataDir, 'postgres');
  const postgres = await startEmbeddedPostgres({ directory, random: systemRandom });
  try {
    return await use({ kind: 'embedded', dsn: postgres.dsn });
  } finally {
    const isNeeded = postgres.reused || (!alone && (await isLocked(join(config.storage.dataDir, 'log'))));
    if (!isNeeded) await postgres[Symbol.asyncDispose]();
  }
}
