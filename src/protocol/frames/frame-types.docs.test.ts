import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { FRAME_TYPES } from './frame-types.ts';

interface Row {
  readonly code: number;
  readonly name: string;
  readonly label: string;
  readonly payload: string;
  readonly durable: boolean;
}

/** The rows of the table of frame types in PROTOCOL.md 1.3. */
async function documentedTypes(): Promise<readonly Row[]> {
  const text = await readFile(new URL('../../../PROTOCOL.md', import.meta.url), 'utf8');
  const section = /^### 1\.3 .*?(?=^### )/ms.exec(text)?.[0] ?? '';
  const row = /^\| (0x[0-9a-f]{2}) \| (\w+) \| `(\w+)` \| (JSON|opaque) \| (\w+) \|/gm;
  return [...section.matchAll(row)].map(([, code = '', name = '', label = '', payload = '', kind]) => ({
    code: Number(code),
    name,
    label,
    payload: payload.toLowerCase(),
    durable: kind === 'durable',
  }));
}

test('given the table of frame types, when PROTOCOL.md 1.3 is read, then it says the same of each type', async () => {
  const expected = FRAME_TYPES.flatMap((known) => {
    if (known === undefined) return [];
    const { code, name, label, payload, durable } = known;
    return [{ code, name, label, payload, durable }];
  });
  assert.deepEqual(await documentedTypes(), expected);
});
