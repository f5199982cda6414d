import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { generatedPages } from '../scripts/generated-pages.ts';

for (const [name, render] of generatedPages) {
  test(`given docs/${name}.md, when it is compared with the table in the code, then it is up to date (npm run docs)`, () => {
    const page = readFileSync(new URL(`../docs/${name}.md`, import.meta.url), 'utf8');
    assert.equal(page, render());
  });
}
