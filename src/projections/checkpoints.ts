import { sql, type Transaction } from 'kysely';
import type { Projection } from './projection.ts';
import type { ProjectionCheckpointRow, ReadModels } from './schema.ts';

/** A projection and how far its rows are. */
export interface Progress {
  readonly projection: Projection;
  /** Every event up to here is in the rows. */
  position: number;
  /** Newest `recordedAt` among them, Unix ms. */
  eventTime: number;
  /** The horizon of the last `write`, Unix ms. */
  horizon: number;
  /** Why it stands still. */
  error: string | undefined;
}

/**
 * Reads where the projections stand. Rows that another version of a projection has written are dropped: it begins again.
 */
export async function loadProgress(
  db: Transaction<ReadModels>,
  projections: readonly Projection[],
): Promise<Progress[]> {
  const rows = await db.selectFrom('projection_checkpoint').selectAll().execute();
  const progress: Progress[] = [];
  for (const projection of projections) {
    const row = rows.find((candidate) => candidate.projection === projection.name);
    const current = row !== undefined && row.version === projection.version;
    if (row !== undefined && !current) await dropRows(db, projection);
    progress.push({
      projection,
      position: current ? row.position : 0,
      eventTime: row?.event_time.getTime() ?? 0,
      horizon: 0,
      error: undefined,
    });
  }
  return progress;
}

/** Drops all rows of a projection and sets it to the beginning. The log's time stays: what had expired stays expired. */
export async function dropRows(db: Transaction<ReadModels>, projection: Projection): Promise<void> {
  await sql`truncate ${sql.join(projection.tables.map((table) => sql.table(table)))}`.execute(db);
  await db
    .updateTable('projection_checkpoint')
    .set({ position: 0, version: projection.version, error: null })
    .where('projection', '=', projection.name)
    .execute();
}

export interface Checkpoint {
  readonly projection: Projection;
  readonly position: number;
  /** Unix ms. */
  readonly eventTime: number;
}

export async function storeCheckpoints(
  db: Transaction<ReadModels>,
  checkpoints: readonly Checkpoint[],
): Promise<void> {
  const rows = checkpoints.map(
    ({ projection, position, eventTime }): ProjectionCheckpointRow => ({
      projection: projection.name,
      version: projection.version,
      position,
      event_time: new Date(eventTime),
      error: null,
    }),
  );
  await db
    .insertInto('projection_checkpoint')
    .values(rows)
    .onConflict((conflict) =>
      conflict.column('projection').doUpdateSet((row) => ({
        version: row.ref('excluded.version'),
        position: row.ref('excluded.position'),
        event_time: row.ref('excluded.event_time'),
        error: row.ref('excluded.error'),
      })),
    )
    .execute();
}

/** Leaves the reason for operators; the rows stay as they are. */
export async function storeError(
  db: Transaction<ReadModels>,
  progress: Progress,
  error: string,
): Promise<void> {
  const { projection, position, eventTime } = progress;
  await storeCheckpoints(db, [{ projection, position, eventTime }]);
  await db
    .updateTable('projection_checkpoint')
    .set({ error })
    .where('projection', '=', projection.name)
    .execute();
}
