import { sql, type Transaction } from 'kysely';
import type { EventLog } from '../../log/event-log.ts';
import type { ProjectionCheckpointRow, ReadModels } from '../tables/schema.ts';
import { type Anchor, type Misfit, misfitOf } from './anchor.ts';
import type { Projection } from './projection.ts';

/** A projection and how far its rows are. */
export interface Progress {
  readonly projection: Projection;
  /** Every event up to here is in the rows. */
  position: number;
  /** Newest `recordedAt` among them, Unix ms. */
  eventTime: number;
  /** The newest fact among them that has been seen. */
  anchor: Anchor | undefined;
  /** The horizon of the last `write`, Unix ms. */
  horizon: number;
  /** Why it stands still. */
  error: string | undefined;
}

/** Why rows were dropped: another version of their projection made them, or they are of another log or history. */
export type RebuildReason = 'version' | Misfit;

/**
 * Reads where the projections stand. Rows that another version of a projection has written, or that do not belong to the
 * log as it is now, are dropped: the projection begins again.
 */
export async function loadProgress(
  db: Transaction<ReadModels>,
  projections: readonly Projection[],
  log: EventLog,
  rebuilt: (projection: string, reason: RebuildReason) => void = () => undefined,
): Promise<Progress[]> {
  const rows = await db.selectFrom('projection_checkpoint').selectAll().execute();
  const progress: Progress[] = [];
  for (const projection of projections) {
    const row = rows.find((candidate) => candidate.projection === projection.name);
    const reason = row === undefined ? undefined : await reasonToRebuild(projection, row, log);
    const current = row !== undefined && reason === undefined;
    if (reason !== undefined) {
      await dropRows(db, projection);
      rebuilt(projection.name, reason);
    }
    progress.push({
      projection,
      position: current ? row.position : 0,
      eventTime: row?.event_time.getTime() ?? 0,
      anchor: current ? anchorIn(row) : undefined,
      horizon: 0,
      error: undefined,
    });
  }
  return progress;
}

async function reasonToRebuild(
  projection: Projection,
  row: ProjectionCheckpointRow,
  log: EventLog,
): Promise<RebuildReason | undefined> {
  if (row.version !== projection.version) return 'version';
  return misfitOf(log, readIn(row));
}

/** What the rows of a projection were made from. */
export function readIn(row: CheckpointFacts): Parameters<typeof misfitOf>[1] {
  return { position: row.position, epoch: row.epoch, anchor: anchorIn(row) };
}

/** The columns of a checkpoint that say what its rows were made from. */
export type CheckpointFacts = Pick<
  ProjectionCheckpointRow,
  'position' | 'epoch' | 'anchor_position' | 'anchor_hash'
>;

function anchorIn({ anchor_position: position, anchor_hash: hash }: CheckpointFacts): Anchor | undefined {
  return position === null || hash === null ? undefined : { position, hash };
}

/** Drops all rows of a projection and sets it to the beginning. The log's time stays: what had expired stays expired. */
export async function dropRows(db: Transaction<ReadModels>, projection: Projection): Promise<void> {
  await sql`truncate ${sql.join(projection.tables.map((table) => sql.table(table)))}`.execute(db);
  await db
    .updateTable('projection_checkpoint')
    .set({ position: 0, version: projection.version, error: null, anchor_position: null, anchor_hash: null })
    .where('projection', '=', projection.name)
    .execute();
}

export interface Checkpoint {
  readonly projection: Projection;
  readonly position: number;
  /** Unix ms. */
  readonly eventTime: number;
  readonly anchor: Anchor | undefined;
}

/** @param epoch the log's */
export async function storeCheckpoints(
  db: Transaction<ReadModels>,
  epoch: string,
  checkpoints: readonly Checkpoint[],
): Promise<void> {
  const rows = checkpoints.map(
    ({ projection, position, eventTime, anchor }): ProjectionCheckpointRow => ({
      projection: projection.name,
      version: projection.version,
      position,
      event_time: new Date(eventTime),
      error: null,
      epoch,
      anchor_position: anchor?.position ?? null,
      anchor_hash: anchor?.hash ?? null,
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
        epoch: row.ref('excluded.epoch'),
        anchor_position: row.ref('excluded.anchor_position'),
        anchor_hash: row.ref('excluded.anchor_hash'),
      })),
    )
    .execute();
}

/** Leaves the reason for operators; the rows stay as they are. */
export async function storeError(
  db: Transaction<ReadModels>,
  epoch: string,
  progress: Progress,
  error: string,
): Promise<void> {
  await storeCheckpoints(db, epoch, [progress]);
  await db
    .updateTable('projection_checkpoint')
    .set({ error })
    .where('projection', '=', progress.projection.name)
    .execute();
}
