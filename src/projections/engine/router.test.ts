import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foreign } from '../../../test/kit/stream-names.ts';
import { type Category, type EventType, STREAMS } from '../../events/streams.ts';
import type { RecordedEvent, StreamName } from '../../log/event-log.ts';
import { READ_MODELS } from '../index.ts';
import type { Projection, ProjectionBatch } from './projection.ts';
import { type Lane, Router } from './router.ts';

function recorded(position: number, stream: StreamName, type: string): RecordedEvent {
  return { position, stream, revision: 0, type, recordedAt: 0, data: new Uint8Array() };
}

/** A lane that notes the positions it is handed, and refuses one of them. */
function lane(
  category: Category,
  types: readonly EventType[],
  from = 0,
  refuses = -1,
): Lane & { readonly taken: number[] } {
  const taken: number[] = [];
  const batch: ProjectionBatch = {
    held: 0,
    add({ position }) {
      if (position === refuses) throw new RangeError('not a key');
      taken.push(position);
    },
    write: async () => undefined,
  };
  const projection: Projection = {
    name: category,
    version: 1,
    tables: [],
    categories: [category],
    types,
    batch: () => batch,
  };
  return {
    progress: { projection, position: from, eventTime: 0, anchor: undefined, horizon: 0, error: undefined },
    batch,
    taken,
  };
}

test('given two lanes, when events come, then each goes to the lane that wants its type, from its checkpoint on', () => {
  const devices = lane('device', ['device.registered']);
  const users = lane('user', ['user.registered'], 3);
  const router = new Router([devices, users]);
  router.route(recorded(1, STREAMS.device.stream('a'), 'device.registered'));
  router.route(recorded(2, STREAMS.user.stream('a'), 'user.registered'));
  router.route(recorded(3, STREAMS.secret.stream('noise'), 'secret.rotated'));
  router.route(recorded(4, STREAMS.user.stream('b'), 'user.registered'));
  assert.deepEqual([devices.taken, users.taken], [[1], [4]]);
});

test('given an unknown type, when its category has a lane, then that lane is named; nobody else is disturbed', () => {
  const router = new Router([lane('device', []), lane('user', [])]);
  router.route(recorded(1, foreign('federation-example.org'), 'federation.queued'));
  assert.throws(() => router.route(recorded(2, STREAMS.user.stream('a'), 'user.cloned')), {
    code: 'PROJECTION_POISONED',
    projection: 'user',
    message:
      /before position 2 \(user\.cloned, stream user-a, revision 0\): event type user\.cloned is not known/,
  });
});

test('given an unknown type before the checkpoint, when it is read again, then it stops nobody', () => {
  new Router([lane('user', [], 2)]).route(recorded(2, STREAMS.user.stream('a'), 'user.cloned'));
});

test('given a lane that refuses an event, when it is routed, then the error names position and cause', () => {
  const router = new Router([lane('device', ['device.registered'], 0, 5)]);
  assert.throws(() => router.route(recorded(5, STREAMS.device.stream('a'), 'device.registered')), {
    code: 'PROJECTION_POISONED',
    projection: 'device',
    message: /position 5 .*not a key/,
  });
});

test('given two projections that claim one type, when they are put together, then that is refused', () => {
  assert.throws(() => new Router([lane('call', ['call.ended']), lane('session', ['call.ended'])]), TypeError);
});

test('given all read models, when they are put together, then no type and no table has two owners', () => {
  const lanes = READ_MODELS.map(({ categories: [category = 'audit'], types }) => lane(category, types));
  assert.ok(new Router(lanes));
  const tables = READ_MODELS.flatMap((projection) => projection.tables);
  assert.equal(new Set(tables).size, tables.length);
});
