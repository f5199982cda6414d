import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type pg from 'pg';
import { type EventOf, STREAMS } from '../../src/events/streams.ts';
import { MemoryLog } from '../../src/log/memory/memory-log.ts';
import {
  type EmbeddedPostgres,
  migrate,
  openPostgres,
  READ_MODELS,
  runProjections,
  startEmbeddedPostgres,
} from '../../src/projections/index.ts';
import { systemClock, systemRandom } from '../../src/system/index.ts';
import { until } from '../kit/waiting.ts';
import { postgresProblem, recordingLogger } from './projections-support.ts';

const skip = await postgresProblem();
const [FIRST, SECOND] = ['a'.repeat(32), 'b'.repeat(32)];

let directory: string;
let server: EmbeddedPostgres;
let pool: pg.Pool;

before(async () => {
  if (skip) return;
  directory = await mkdtemp(join(tmpdir(), 'commucat-projections-history-'));
  server = await startEmbeddedPostgres({ directory, random: systemRandom });
  await migrate(server.dsn, recordingLogger());
  pool = openPostgres({ dsn: server.dsn, onIdleError: () => undefined });
});

beforeEach(async () => {
  if (!skip) await pool.query('truncate devices, device_key_events, projection_checkpoint');
});

after(async () => {
  if (skip) return;
  await pool.end();
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

/** A log of one history that registers these devices. */
async function logOf(epoch: string | undefined, ...devices: readonly string[]): Promise<MemoryLog> {
  const log = new MemoryLog(systemClock, epoch === undefined ? {} : { epoch });
  for (const device of devices) {
    const fact: EventOf<'device'> = {
      type: 'device.registered',
      device,
      user: 'u1',
      publicKey: 'ab'.repeat(32),
      by: 'auto_approval',
    };
    await log.append([STREAMS.device.append(device, 'any', [fact])]);
  }
  return log;
}

/** Lets the projections catch up with a log; returns the devices in the rows, and why rows were dropped. */
async function project(
  log: MemoryLog,
): Promise<{ readonly devices: string[]; readonly reasons: Set<string> }> {
  const reasons = new Set<string>();
  const metrics = {
    lag: () => undefined,
    failure: () => undefined,
    written: () => undefined,
    rebuilt: (reason: string) => void reasons.add(reason),
  };
  const options = { log, pool, projections: READ_MODELS, clock: systemClock, logger: recordingLogger() };
  const runner = runProjections({ ...options, metrics, windowMs: 20, standbyMs: 50 });
  await until(() => runner.projectionStatus().up && runner.projectionStatus().lag === 0);
  await runner[Symbol.asyncDispose]();
  const { rows } = await pool.query<{ device_id: string }>('select device_id from devices order by 1');
  return { devices: rows.map((row) => row.device_id), reasons };
}

test('given rows of a history that was lost, when the restored log goes on, then they are built again from it', {
  skip,
}, async () => {
  await project(await logOf(FIRST, 'alice', 'bob', 'lost'));
  const { devices, reasons } = await project(await logOf(SECOND, 'alice', 'bob', 'new', 'newer'));
  assert.deepEqual(devices, ['alice', 'bob', 'new', 'newer']);
  assert.deepEqual([...reasons], ['epoch']);
});

test('given rows that are ahead of the log, when nobody said that it was restored, then they are built again', {
  skip,
}, async () => {
  await project(await logOf(FIRST, 'alice', 'bob', 'lost'));
  const { devices, reasons } = await project(await logOf(FIRST, 'alice', 'bob'));
  assert.deepEqual(devices, ['alice', 'bob']);
  assert.deepEqual([...reasons], ['ahead']);
});

test('given rows of another log that is no longer than this one, then the fact at their checkpoint gives them away', {
  skip,
}, async () => {
  await project(await logOf(FIRST, 'alice', 'lost'));
  const { devices, reasons } = await project(await logOf(FIRST, 'alice', 'bob', 'carol'));
  assert.deepEqual(devices, ['alice', 'bob', 'carol']);
  assert.deepEqual([...reasons], ['anchor']);
});

test('given rows of the same log, when the projections start again, then they go on, also from rows of an older release', {
  skip,
}, async () => {
  await project(await logOf(FIRST, 'alice'));
  const again = await project(await logOf(FIRST, 'alice', 'bob'));
  assert.deepEqual([again.devices, again.reasons.size], [['alice', 'bob'], 0]);
  await pool.query(
    'update projection_checkpoint set epoch = null, anchor_position = null, anchor_hash = null',
  );
  const upgraded = await project(await logOf(FIRST, 'alice', 'bob', 'carol'));
  assert.deepEqual([upgraded.devices, upgraded.reasons.size], [['alice', 'bob', 'carol'], 0]);
});

test('given a database that a newer release has migrated, when it is migrated, then it is refused with words and left alone', {
  skip,
}, async () => {
  await pool.query(`insert into schema_migrations (name, run_on) values ('9999_future', now())`);
  await assert.rejects(migrate(server.dsn, recordingLogger()), (error) => {
    assert.ok(error instanceof Error && 'code' in error && error.code === 'DATABASE_NEWER');
    assert.match(error.message, /newer release \(9999_future\)/);
    return true;
  });
  await pool.query(`delete from schema_migrations where name = '9999_future'`);
  assert.deepEqual(await migrate(server.dsn, recordingLogger()), []);
});
