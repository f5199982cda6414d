import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STREAMS } from '../../src/events/streams.ts';
import { rebuildProjections, runProjections } from '../../src/projections/index.ts';
import { until } from '../kit/waiting.ts';
import { dump, postgresProblem, recordingLogger } from './projections-support.ts';
import { caughtUp, registered, useProjectionWorld } from './projections-world.ts';

const skip = await postgresProblem();
const it = useProjectionWorld(skip);

test('given PostgreSQL goes away, when it comes back, then the projections catch up and nothing is doubled', {
  skip,
}, async () => {
  const world = it();
  const logger = recordingLogger();
  await using runner = runProjections({ ...world.options(), logger });
  await world.traffic(1, 10);
  await caughtUp(runner);
  await world.goAway();
  await world.traffic(11, 20);
  await until(() => runner.projectionStatus().role === 'waiting');
  assert.equal(runner.projectionStatus().up, false);
  assert.ok(runner.projectionStatus().error);
  assert.ok(runner.projectionStatus().lag > 0);
  await world.comeBack();
  await caughtUp(runner);
  assert.equal(runner.projectionStatus().error, undefined);
  const caught = await dump(world.pool);
  await runner[Symbol.asyncDispose]();
  await rebuildProjections(world.options());
  assert.deepEqual(await dump(world.pool), caught);
});

test('given two servers, when both run, then one writes and the other takes over when it goes', {
  skip,
}, async () => {
  const world = it();
  const first = runProjections(world.options());
  await world.facts(STREAMS.device.stream('1'), registered('1'));
  await caughtUp(first);
  await using second = runProjections(world.options());
  await until(() => second.projectionStatus().role === 'standby' && second.projectionStatus().lag === 0);
  assert.equal(first.projectionStatus().role, 'active');
  assert.equal(second.projectionStatus().up, true);
  await first[Symbol.asyncDispose]();
  await world.facts(STREAMS.device.stream('2'), registered('2'));
  await until(() => second.projectionStatus().role === 'active');
  await caughtUp(second);
  assert.deepEqual(await world.rows('select device_id from devices order by 1'), [
    { device_id: '1' },
    { device_id: '2' },
  ]);
});

test('given an event of an unknown type, when it is met, then only the projection that answers for it stops, and says why', {
  skip,
}, async () => {
  const world = it();
  const logger = recordingLogger();
  const runner = runProjections({ ...world.options(), logger });
  await world.facts(STREAMS.device.stream('1'), registered('1'));
  await world.append(STREAMS.device.stream('2'), { type: 'device.teleported', data: Buffer.from('{"v":1}') });
  await world.facts(STREAMS.device.stream('3'), registered('3'));
  await world.post([{ device: 'bob', inboxNumber: 1 }]);
  const state = (name: string) => runner.projectionStatus().projections.find((one) => one.name === name);
  await until(() => state('devices')?.error !== undefined && state('mail')?.lag === 0);
  assert.match(
    state('devices')?.error ?? '',
    /devices stopped before position 2 \(device\.teleported, stream device-2/,
  );
  assert.equal(runner.projectionStatus().up, false);
  assert.equal(state('devices')?.checkpoint, 1);
  assert.deepEqual(await world.waiting(), ['bob 1']);
  assert.deepEqual(await world.rows('select device_id from devices'), [{ device_id: '1' }]);
  assert.equal(logger.lines.filter((line) => line.level === 'error').length, 1);
  await runner[Symbol.asyncDispose]();
  const [row] = await world.rows(`select error from projection_checkpoint where projection = 'devices'`);
  assert.match(JSON.stringify(row), /device\.teleported/);
});

test('given an event whose rows PostgreSQL refuses, when it is written, then only that projection stops', {
  skip,
}, async () => {
  const world = it();
  await using runner = runProjections(world.options());
  await world.append(STREAMS.user.stream('u1'), {
    type: 'user.registered',
    data: Buffer.from('{"v":1,"handle":"x","domain":"d"}'),
  });
  await world.facts(STREAMS.device.stream('1'), registered('1'));
  const state = (name: string) => runner.projectionStatus().projections.find((one) => one.name === name);
  await until(() => state('users')?.error !== undefined && state('devices')?.lag === 0);
  assert.match(state('users')?.error ?? '', /users stopped/);
  assert.deepEqual(await world.rows('select device_id from devices'), [{ device_id: '1' }]);
});
