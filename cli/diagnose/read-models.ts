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
import { errorWords } from '../kit/describe-error.ts';
import { type Finding, fail, leftOut, ok } from './finding.ts';

const CHECK = 'read models';
const REBUILD =
  'are they of another server (storage.postgres_dsn)? If not, start the server anew: it builds them again from the log';

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
 */
export async function checkReadModels(client: Client, dataDir: string): Promise<Finding> {
  try {
    // Before the log, which only grows: a server at work is never ahead of it then.
    const rows = await readCheckpoints(client);
    if (rows.length === 0) return leftOut(CHECK, 'they have read nothing yet');
    const files = await openFiles(join(dataDir, 'log'));
    const faults: string[] = [];
    for (const row of rows) {
      const misfit = await misfitIn(row, files);
      if (misfit !== undefined) faults.push(`${row.projection}: ${words(misfit, row, files)}`);
    }
    if (faults.length > 0) return fail(CHECK, `they do not belong to the log: ${faults.join('; ')}`, REBUILD);
    const stopped = rows.filter(({ error }) => error !== null);
    if (stopped.length > 0) {
      const detail = stopped
        .map(({ projection, error }) => `${projection} stands still: ${error}`)
        .join('; ');
      return fail(CHECK, detail, 'look at the log of the server');
    }
    const least = Math.min(...rows.map(({ position }) => position));
    return ok(CHECK, `they belong to the log, and are at position ${least} of ${files.headPosition}`);
  } catch (error) {
    return leftOut(CHECK, errorWords(error));
  }
}

async function readCheckpoints(client: Client): Promise<readonly Row[]> {
  const { rows } = await client.query<Record<keyof Row, string | null>>(
    'SELECT projection, position, epoch, anchor_position, anchor_hash, error FROM projection_checkpoint ORDER BY 1',
  );
  const known = new Set(READ_MODELS.map(({ name }) => name));
  return rows
    .map(({ projection, position, epoch, anchor_position, anchor_hash, error }) => ({
      projection: String(projection),
      position: Number(position),
      epoch,
      anchor_position: anchor_position === null ? null : Number(anchor_position),
      anchor_hash,
      error,
    }))
    .filter(({ projection, position }) => known.has(projection) && position > 0);
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
