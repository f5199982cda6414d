import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { WIRE_ERRORS } from './errors.ts';

interface Row {
  readonly code: string;
  readonly title: string;
  readonly closes: boolean;
  readonly doc: string;
}

/** The rows of the table of codes in PROTOCOL.md 9.2. */
async function documentedErrors(): Promise<readonly Row[]> {
  const text = await readFile(new URL('../../../PROTOCOL.md', import.meta.url), 'utf8');
  const section = /^### 9\.2 .*?(?=^### )/ms.exec(text)?.[0] ?? '';
  return [...section.matchAll(/^\| `(\w+)` \| (.+?) \| (yes|no) \| (.+?) \|$/gm)].map(
    ([, code = '', title = '', ends = '', doc = '']) => ({ code, title, closes: ends === 'yes', doc }),
  );
}

test('given the table of error codes, when PROTOCOL.md 9.2 is read, then it lists exactly these codes', async () => {
  const expected = Object.entries(WIRE_ERRORS).map(([code, { title, closes, doc }]) => ({
    code,
    title,
    closes,
    // Inside the document its own sections need no file name.
    doc: doc.replaceAll('PROTOCOL.md ', 'Section '),
  }));
  assert.deepEqual(await documentedErrors(), expected);
});
