import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../corpus/', import.meta.url));

/** The name under which an input is stored. */
export function inputName(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex').slice(0, 16);
}

/** The committed inputs of a target, the shortest first. */
export function readCorpus(target: string): Uint8Array[] {
  const folder = join(FOLDER, target);
  const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
  const inputs = names.map((entry) => Uint8Array.from(readFileSync(join(folder, entry.name))));
  return inputs.sort((a, b) => a.length - b.length);
}

/** Makes the stored corpus exactly these inputs. */
export function writeCorpus(target: string, inputs: readonly Uint8Array[]): void {
  const folder = join(FOLDER, target);
  mkdirSync(folder, { recursive: true });
  const kept = new Map(inputs.map((input) => [inputName(input), input]));
  for (const name of readdirSync(folder)) {
    if (!kept.has(name)) rmSync(join(folder, name));
  }
  for (const [name, input] of kept) writeFileSync(join(folder, name), input);
}
