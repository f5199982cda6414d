import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mailbox } from './mailboxes/mailbox.ts';
import { NameCache } from './name-cache.ts';

const channelOf = (stem: string): readonly Mailbox[] =>
  Array.from({ length: 4_000 }, (_, index) => new Mailbox(`${stem}-${index}`.padEnd(128, 'x')));

test('given the names of a channel, when they are asked for again, then they are encoded once; names of the same devices in another list are others', () => {
  const cache = new NameCache();
  const members = channelOf('a');
  assert.equal(cache.of(members), cache.of(members));
  assert.notEqual(cache.of(members), cache.of([...members]));
});

test('given more names than are kept, when they are asked for, then those go that were used the longest time ago', () => {
  const cache = new NameCache();
  const [often, once, again] = [channelOf('often'), channelOf('once'), channelOf('again')];
  const [first, second] = [cache.of(often), cache.of(once)];
  assert.equal(cache.of(often), first);
  for (const stem of ['p', 'q']) {
    cache.of(channelOf(stem));
    assert.equal(cache.of(often), first);
  }
  assert.notEqual(cache.of(once), second);
  const newest = cache.of(again);
  assert.equal(cache.of(again), newest);
});
