import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteArena } from './byte-arena.ts';

function take(arena: ByteArena, length: number): Uint8Array {
  arena.reserve(length);
  return arena.take(length);
}

test('given a piece that is given back, when the next one is taken, then it lies in the same place', () => {
  const arena = new ByteArena(100);
  const kept = take(arena, 30);
  const piece = take(arena, 40);
  arena.giveBack(piece);
  const next = take(arena, 50);
  assert.equal(next.byteOffset, piece.byteOffset);
  assert.equal(next.buffer, kept.buffer);
});

test('given a piece behind which another one was taken, or of an older block, when it is given back, then nothing is handed out twice', () => {
  const arena = new ByteArena(100);
  const [first, second] = [take(arena, 30), take(arena, 40)];
  arena.giveBack(first);
  assert.equal(take(arena, 10).byteOffset, second.byteOffset + 40);
  const older = take(arena, 20);
  const newer = take(arena, 90);
  arena.giveBack(older);
  assert.notEqual(take(arena, 10).buffer, older.buffer);
  assert.equal(newer.length, 90);
});
