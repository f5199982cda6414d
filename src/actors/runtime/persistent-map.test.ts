import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { PersistentMap } from './persistent-map.ts';

const step = fc.record({
  remove: fc.boolean(),
  keys: fc.array(fc.nat(60), { maxLength: 30 }),
  value: fc.nat(),
});

test('given any changes, then a map says what a plain one says, and older ones stay as they were', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let map = PersistentMap.empty<number, number>();
      const plain = new Map<number, number>();
      const past: { map: PersistentMap<number, number>; plain: ReadonlyMap<number, number> }[] = [];
      for (const { remove, keys, value } of steps) {
        map = remove ? map.without(keys) : map.with(keys.map((key) => [key, value] as const));
        for (const key of keys) {
          if (remove) plain.delete(key);
          else plain.set(key, value);
        }
        past.push({ map, plain: new Map(plain) });
      }
      for (const then of past) {
        assert.equal(then.map.size, then.plain.size);
        assert.deepEqual(new Map(then.map), new Map(then.plain));
        for (let key = 0; key <= 60; key += 1) {
          assert.equal(then.map.get(key), then.plain.get(key));
          assert.equal(then.map.has(key), then.plain.has(key));
        }
      }
    }),
  );
});

test('given entries that come one by one, then they stay in that order', () => {
  let map = PersistentMap.empty<number, true>();
  for (let key = 0; key < 1000; key += 1) map = map.with([[key, true]]);
  assert.deepEqual(
    [...map.keys()],
    Array.from({ length: 1000 }, (_, key) => key),
  );
});
