import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeFact, decodeFactWith, encodeFact } from './fact-encoding.ts';

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

test('given a fact, when encoded and decoded, then it is the same and carries its version', () => {
  const fact = { type: 'channel.joined', device: 'dévice' } as const;
  const encoded = encodeFact(fact);
  assert.deepEqual(JSON.parse(Buffer.from(encoded.data).toString()), { v: 1, device: 'dévice' });
  assert.deepEqual(decodeFact(encoded), fact);
});

test('given an unknown type or version, when decoded, then the error names it', () => {
  const unknown = { code: 'LOG_UNKNOWN_EVENT', message: /channel\.melted/ };
  assert.throws(() => decodeFact({ type: 'channel.melted', data: json({ v: 1 }) }), unknown);
  for (const v of [0, 2, 1.5, '1', undefined]) {
    assert.throws(() => decodeFact({ type: 'channel.left', data: json({ v }) }), {
      code: 'LOG_UNKNOWN_EVENT',
    });
  }
  assert.throws(() => decodeFact({ type: 'toString', data: json({ v: 1 }) }), { code: 'LOG_UNKNOWN_EVENT' });
});

test('given data that is no JSON object, when decoded, then it is refused as malformed', () => {
  for (const data of [Buffer.from('{'), json([]), json(null), Buffer.from([0xff])]) {
    assert.throws(() => decodeFact({ type: 'channel.left', data }), { code: 'LOG_MALFORMED_EVENT' });
  }
});

test('given an old version, when decoded, then each upcaster on the way has run', () => {
  const upcasters = {
    1: ({ name }: Record<string, unknown>) => ({ names: [name] }),
    2: ({ names }: Record<string, unknown>) => ({ names, count: (names as unknown[]).length }),
  };
  const fact = decodeFactWith(
    { x: { current: 3, upcasters } },
    { type: 'x', data: json({ v: 1, name: 'a' }) },
  );
  assert.deepEqual(fact, { type: 'x', names: ['a'], count: 1 });
});
