// Writes the pages of docs/ that are generated from tables in the code: `node --import tsx scripts/write-docs.ts [name ...]`.
import { writeFileSync } from 'node:fs';
import { generatedPages } from './generated-pages.ts';

const wanted = process.argv.slice(2);
for (const [name, render] of generatedPages) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  writeFileSync(new URL(`../docs/${name}.md`, import.meta.url), render());
  process.stdout.write(`docs/${name}.md\n`);
}
