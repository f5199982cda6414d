import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EventType, STREAMS } from '../../events/streams.ts';
import { READ_MODELS } from '../index.ts';
import type { Projection } from './projection.ts';

test('given a projection whose event type or category is misspelt, then it does not compile', () => {
  const types: Pick<Projection, 'types' | 'categories'> = {
    // @ts-expect-error There is no event of this name.
    types: ['chanel.opened'],
    // @ts-expect-error There is no category of this name.
    categories: ['chanel'],
  };
  // @ts-expect-error A name is made by the table of streams only.
  const name: ReturnType<typeof STREAMS.channel.stream> = 'chanel-7';
  assert.ok(types.types.length > 0 && name.length > 0);
});

test('given the read models, then each event type that one of them wants is one of its categories', () => {
  for (const { name, categories, types } of READ_MODELS) {
    const held = new Set<string>(categories.flatMap((category) => STREAMS[category].types));
    const strays = types.filter((type: EventType) => !held.has(type));
    assert.deepEqual(strays, [], name);
  }
});
