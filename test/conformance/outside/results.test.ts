import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CASES } from './cases.ts';

test('given the cases for outside clients, when compared with the results, then each has the result of its last run', () => {
  const text = readFileSync(new URL('results.json', import.meta.url), 'utf8');
  const results = JSON.parse(text) as readonly Record<string, unknown>[];
  assert.deepEqual(
    results.map(({ tool, case: name, expected }) => [tool, name, expected]),
    CASES.map(({ tool, name, expected }) => [tool.name, name, expected]),
    'npm run test:outside writes them',
  );
  for (const { expected, got, pass } of results) assert.equal(pass, got === expected);
});
