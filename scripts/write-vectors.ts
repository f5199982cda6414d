// Writes the files of vectors/ from src: `npm run vectors:write`. They are the same on every run and machine.
import { writeFileSync } from 'node:fs';
import { nobleBackend } from '../src/protocol/noble-backend.ts';
import { vectorFiles } from './vectors/index.ts';
import { renderVectorFile } from './vectors/vector-file.ts';

for (const [name, file] of vectorFiles) {
  writeFileSync(new URL(`../vectors/${name}`, import.meta.url), renderVectorFile(file, nobleBackend));
  process.stdout.write(`vectors/${name}\n`);
}
