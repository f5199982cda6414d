import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STREAMS } from '../../src/events/streams.ts';
import { rebuildProjections, runProjections } from '../../src/projections/index.ts';
import { dump, postgresProblem } from './projections-support.ts';
import { caughtUp, registered, useProjectionWorld } from './projections-world.ts';

const skip = await postgresProblem();
const it = useProjectionWorld(skip);

test('given a log whose delivered mail is gone, when the rows are dropped and built again, then they are the same', {
  skip,
}, async () => {
  const world = it();
  const runner = runProjections(world.options());
  for (let part = 0; part < 4; part += 1) {
    await world.traffic(part * 25 + 1, part * 25 + 25);
    await caughtUp(runner);
  }
  const incremental = await dump(world.pool);
  await assert.rejects(rebuildProjections(world.options()), { code: 'PROJECTIONS_BUSY' });
  await runner[Symbol.asyncDispose]();
  assert.ok((incremental.relay_queue?.length ?? 0) > 5);
  await rebuildProjections(world.options());
  assert.deepEqual(await dump(world.pool), incremental);
  // Letters that nobody waits for any more leave the log, as the relay truncates it.
  const kept = new Set(
    (await world.rows('select channel_key, mail_revision from relay_queue')).map((row) =>
      Object.values(row ?? {}).join(' '),
    ),
  );
  for (const key of ['k0', 'k1', 'k2', 'k3']) {
    let before = 0;
    const { lastRevision } = await world.log.streamState(STREAMS.mail.stream(key));
    while (before <= lastRevision && !kept.has(`${key} ${before}`)) before += 1;
    assert.ok(before > 0);
    await world.log.truncate(STREAMS.mail.stream(key), before);
  }
  await rebuildProjections(world.options());
  assert.deepEqual(await dump(world.pool), incremental);
});

test('given room for three entries only, when the log is read in many small batches, then the rows are the same', {
  skip,
}, async () => {
  const world = it();
  const channel = { number: 7, creator: 'a', relay: true, open: false, listed: ['b'], admitted: ['c'] };
  for (let round = 0; round < 3; round += 1) {
    await world.facts(
      STREAMS.channel.stream('k'),
      { type: 'channel.opened', ...channel },
      { type: 'channel.joined', device: 'b' },
    );
    for (const device of ['a', 'b', 'c']) {
      await world.facts(STREAMS.channel.stream('k'), { type: 'channel.left', device });
    }
    await world.facts(STREAMS.channel.stream('k'), { type: 'channel.joined', device: 'late' });
    await world.facts(
      STREAMS.channel.stream(`l${round}`),
      { type: 'channel.opened', ...channel },
      { type: 'channel.left', device: 'c' },
    );
    await world.traffic(round * 20 + 1, round * 20 + 20);
  }
  await rebuildProjections({ ...world.options(), maxHeld: 3 });
  const inSmallBatches = await dump(world.pool);
  // Three of their own, four of the traffic.
  assert.equal(inSmallBatches.channels?.length, 7);
  assert.equal(inSmallBatches.groups?.length, 4);
  assert.ok((inSmallBatches.group_members?.length ?? 0) > 4);
  await rebuildProjections(world.options());
  assert.deepEqual(await dump(world.pool), inSmallBatches);
});

test('given rows of an older version of a projection, when a newer one runs, then they are built again', {
  skip,
}, async () => {
  const world = it();
  await world.facts(STREAMS.device.stream('1'), registered('1'));
  await rebuildProjections(world.options());
  await world.pool.query(
    `update projection_checkpoint set version = 0; update devices set status = 'outdated'`,
  );
  await using runner = runProjections(world.options());
  await caughtUp(runner);
  assert.deepEqual(await world.rows('select status from devices'), [{ status: 'active' }]);
});
