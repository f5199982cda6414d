import { join } from 'node:path';
import { type Config, postgresChoice } from '../../src/config/index.ts';
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
 * afterwards.
 *
 * @returns what `use` returns; undefined where the configuration wants no read models
 */
export async function withDatabase<T>(
  config: Config,
  use: (database: Database) => Promise<T>,
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
    // One that was running belongs to a server that needs it.
    if (!postgres.reused) await postgres[Symbol.asyncDispose]();
  }
}
