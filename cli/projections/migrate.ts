import type { Config } from '../../src/config/index.ts';
import { migrate } from '../../src/projections/index.ts';
import { withDatabase } from './database.ts';

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
  const logger = complainer(complain);
  const migrated = await withDatabase(config, async ({ kind, dsn }) => ({
    database: kind,
    applied: await migrate(dsn, logger),
  }));
  return migrated ?? { database: 'none', applied: [] };
}

/** A logger of which only what is worth knowing is said. */
export function complainer(complain: (message: string) => void) {
  const say = (_fields: object, message: string): void => complain(message);
  return { debug: () => undefined, info: () => undefined, warn: say, error: say };
}
