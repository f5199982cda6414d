import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';
import { nodeClock } from '../../src/client/platform-node.ts';
import { logStats, readDirectory } from '../../src/log/segments/inspect.ts';
import {
  type CheckpointFacts,
  type Misfit,
  misfitOf,
  READ_MODELS,
  readIn,
} from '../../src/projections/index.ts';

/** Where one read model is. */
export interface ModelState {
  readonly projection: string;
  /** Every event up to this position is in the rows; 0: it has read nothing yet. */
  readonly position: number;
  /** Positions behind the head of the log. */
  readonly lag: number;
  /** Why the rows do not belong to the log of the data folder. */
  readonly misfit: string | undefined;
  /** Why it stands still. */
  readonly error: string | undefined;
}

interface Row extends CheckpointFacts {
  readonly projection: string;
  readonly error: string | null;
}

/** The log as its files are, also while a server writes them. */
interface LogFiles {
  readonly directory: string;
  /** Undefined: there is no log, or it does not say. */
  readonly epoch: string | undefined;
  readonly headPosition: number;
}

/**
 * Whether the rows were made from the log that is there: of its history, not ahead of it, and from the very event that lies at
 * their checkpoint. After a restore of either of the two they are not. Changes nothing.
 *
 * @returns a state for each read model of this release, sorted by name
 */
export async function modelStates(client: Client, dataDir: string): Promise<readonly ModelState[]> {
  // Before the log, which only grows: a server at work is never ahead of it then.
  const rows = await readCheckpoints(client);
  const files = await openFiles(join(dataDir, 'log'));
  const states: ModelState[] = [];
  for (const name of READ_MODELS.map((model) => model.name).toSorted()) {
    const row = rows.get(name);
    const misfit = row === undefined ? undefined : await misfitIn(row, files);
    const position = Number(row?.position ?? 0);
    states.push({
      projection: name,
      position,
      lag: Math.max(0, files.headPosition - position),
      misfit: row === undefined || misfit === undefined ? undefined : words(misfit, row, files),
      error: row?.error ?? undefined,
    });
  }
  return states;
}

async function readCheckpoints(client: Client): Promise<ReadonlyMap<string, Row>> {
  const { rows } = await client.query<Record<keyof Row, string | null>>(
    'SELECT projection, position, epoch, anchor_position, anchor_hash, error FROM projection_checkpoint',
  );
  return new Map(
    rows
      .map(({ projection, position, epoch, anchor_position, anchor_hash, error }) => ({
        projection: String(projection),
        position: Number(position),
        epoch,
        anchor_position: anchor_position === null ? null : Number(anchor_position),
        anchor_hash,
        error,
      }))
      .filter(({ position }) => position > 0)
      .map((row) => [row.projection, row]),
  );
}

async function openFiles(directory: string): Promise<LogFiles> {
  const isThere = await stat(directory).then(
    () => true,
    () => false,
  );
  if (!isThere) return { directory, epoch: undefined, headPosition: 0 };
  const { history, headPosition } = await logStats(directory, { clock: nodeClock });
  return { directory, epoch: history?.epoch, headPosition };
}

function misfitIn(row: Row, { directory, epoch, headPosition }: LogFiles): Promise<Misfit | undefined> {
  const read = readIn(row);
  return misfitOf(
    {
      epoch: epoch ?? '',
      headPosition,
      readAll: ({ after = 0 } = {}) => readDirectory(directory, after, { clock: nodeClock }),
    },
    // A log that does not say which history it has cannot be of another one.
    epoch === undefined ? { ...read, epoch: null } : read,
  );
}

function words(misfit: Misfit, row: Row, { epoch, headPosition }: LogFiles): string {
  switch (misfit) {
    case 'epoch':
      return `made from the history ${row.epoch}, the log has ${epoch}`;
    case 'ahead':
      return `at position ${row.position}, the log ends at ${headPosition}`;
    case 'anchor':
      return `at position ${row.anchor_position} the log has another event than they were made from`;
  }
}
