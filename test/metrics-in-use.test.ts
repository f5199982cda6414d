import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { METRICS } from '../src/telemetry/metric-table.ts';

const source = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !/^telemetry.metric-table/.test(name),
  )
  .map((name) => readFileSync(join('src', name), 'utf8'))
  .join('\n');

test('given the table of metrics, then each of them is measured somewhere', () => {
  const unused = Object.keys(METRICS).filter((name) => !source.includes(`'${name}'`));
  assert.deepEqual(unused, []);
});
