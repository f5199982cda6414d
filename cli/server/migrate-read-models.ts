import { join } from 'node:path';
import { type Config, postgresChoice } from '../../src/config/index.ts';
import { migrate, startEmbeddedPostgres } from '../../src/projections/index.ts';
import { systemRandom } from '../../src/system/index.ts';
import { requireOwner } from '../kit/folder-owner.ts';

export interface Migrated {
  readonly database: 'embedded' | 'dsn' | 'none';
  /** Names of the migrations that ran, in order. */
  readonly applied: readonly string[];
}

/** Migrates the database that the configuration names; `complain` gets what is worth knowing and no reason to stop. */
export async function migrateReadModels(
  config: Config,
  complain: (message: string) => void,
): Promise<Migrated> {
  const choice = postgresChoice(config);
  const log = (_fields: object, message: string): void => complain(message);
  const logger = { debug: () => undefined, info: () => undefined, warn: log, error: log };
  if (choice.kind === 'none') return { database: 'none', applied: [] };
  if (choice.kind === 'dsn') return { database: 'dsn', applied: await migrate(choice.dsn, logger) };
  await requireOwner(config.storage.dataDir);
  const directory = join(config.storage.dataDir, 'postgres');
  const postgres = await startEmbeddedPostgres({ directory, random: systemRandom });
  try {
    return { database: 'embedded', applied: await migrate(postgres.dsn, logger) };
  } finally {
    // One that was running belongs to a server that needs it.
    if (!postgres.reused) await postgres[Symbol.asyncDispose]();
  }
}
