import type { Config } from '../../src/config/index.ts';
import { openSegmentLog } from '../../src/log/segments/open-segment-log.ts';
import { migrate, openPostgres, READ_MODELS, rebuildProjections } from '../../src/projections/index.ts';
import { systemClock } from '../../src/system/index.ts';
import { logFolder } from '../log/log-check.ts';
import { type Database, withDatabase } from './database.ts';
import { complainer } from './migrate.ts';

export interface Rebuilt {
  readonly database: 'embedded' | 'dsn' | 'none';
  /** Names of the read models that were built again. */
  readonly projections: readonly string[];
  /** Position of the log up to which they are. */
  readonly position: number;
}

/**
 * Drops the rows of all read models and builds them again from the log, whose server must be stopped.
 *
 * @throws LogError `LOG_LOCKED` while a server has the log, ProjectionError `PROJECTIONS_BUSY` while one has the database
 */
export async function rebuildReadModels(
  config: Config,
  complain: (message: string) => void,
): Promise<Rebuilt> {
  const directory = await logFolder(config.storage.dataDir);
  // The lock first: a server that starts meanwhile would take the database over.
  await using log = await openSegmentLog({
    directory,
    clock: systemClock,
    segmentSize: config.log.segmentBytes,
  });
  const build = async ({ kind, dsn }: Database): Promise<Rebuilt> => {
    const logger = complainer(complain);
    await migrate(dsn, logger);
    const pool = openPostgres({ dsn, onIdleError: (error) => complain(error.message) });
    try {
      await rebuildProjections({ log, pool, projections: READ_MODELS, clock: systemClock, logger });
      return { database: kind, projections: READ_MODELS.map(({ name }) => name), position: log.headPosition };
    } finally {
      await pool.end();
    }
  };
  return (await withDatabase(config, build, true)) ?? { database: 'none', projections: [], position: 0 };
}
