import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deque } from './deque.ts';

test('given many pushes and shifts in turn, then the queue behaves like an array', () => {
  const queue = new Deque<number>();
  const model: number[] = [];
  for (let step = 0; step < 20_000; step += 1) {
    if (step % 3 !== 2 || model.length === 0) {
      queue.push(step);
      model.push(step);
    } else {
      assert.equal(queue.shift(), model.shift());
    }
    assert.equal(queue.length, model.length);
    assert.equal(queue.at(0), model[0]);
    assert.equal(queue.at(model.length - 1), model.at(-1));
  }
  while (model.length > 0) assert.equal(queue.shift(), model.shift());
  assert.equal(queue.shift(), undefined);
  assert.equal(queue.at(0), undefined);
  assert.equal(queue.at(-1), undefined);
});
