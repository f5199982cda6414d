import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { openPostgres, startEmbeddedPostgres } from '../../src/projections/index.ts';
import type { ProjectionLogger } from '../../src/projections/tables/ports.ts';
import { systemRandom } from '../../src/system/index.ts';

/** Why PostgreSQL cannot run on this machine: the reason to skip what needs it. `false` when it can. */
export async function postgresProblem(): Promise<string | false> {
  const directory = await mkdtemp(join(tmpdir(), 'commucat-probe-'));
  try {
    const server = await startEmbeddedPostgres({ directory, random: systemRandom });
    await server[Symbol.asyncDispose]();
    return false;
  } catch (error) {
    return `embedded PostgreSQL does not run here: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
}

export function recordingLogger(): ProjectionLogger & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: LogLine['level']) => (_fields: object, message: string) => {
    lines.push({ level, message });
  };
  return { lines, info: at('info'), warn: at('warn'), error: at('error') };
}

/** Every row of every read model, in the order of all its columns, as text. */
export async function dump(pool: pg.Pool): Promise<Record<string, readonly string[]>> {
  const tables = [
    'users',
    'devices',
    'device_certificates',
    'device_key_events',
    'sessions',
    'channels',
    'channel_members',
    'groups',
    'group_members',
    'calls',
    'relay_queue',
    'inbox_offset',
  ];
  const all: Record<string, readonly string[]> = {};
  for (const table of tables) {
    const { rows } = await pool.query<{ line: string }>(`select t::text as line from ${table} t order by 1`);
    all[table] = rows.map((row) => row.line);
  }
  return all;
}

export function openTestPool(dsn: string): pg.Pool {
  return openPostgres({ dsn, onIdleError: () => undefined, maxConnections: 6 });
}
