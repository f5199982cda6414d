import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { VectorDocument, VectorReport, VectorSuite } from './suite.ts';

/** Test vectors are not part of this repository: they lie beside it, or where COMMUCAT_VECTORS points. */

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
const CHOSEN = process.env.COMMUCAT_VECTORS;

export const folder = resolve(REPOSITORY, CHOSEN ?? '../shared/vectors');
/** When somebody names a folder, its absence is an error; the default one may be missing. */
export const isRequired = CHOSEN !== undefined;
export const isPresent = existsSync(folder);

/** Names of the files with vectors, sorted. */
export function vectorFiles(): readonly string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort();
}

export function readVectors(file: string): VectorDocument {
  return JSON.parse(readFileSync(join(folder, file), 'utf8')) as VectorDocument;
}

export interface Tally extends VectorReport {
  readonly passed: number;
  readonly failures: ReadonlyArray<{ readonly name: string; readonly problem: string }>;
  readonly quirks: ReadonlyArray<{ readonly name: string; readonly decision: string }>;
}

/** Runs one suite over its file. A suite that breaks down, or checks nothing, is a failure. */
export async function runSuite(suite: VectorSuite): Promise<Tally> {
  const tally = createTally();
  try {
    await suite.run(readVectors(suite.file), tally);
  } catch (error) {
    tally.fail('the suite itself', error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  if (tally.passed + tally.failures.length === 0) tally.fail('the suite itself', 'no case was checked');
  return tally;
}

function createTally(): Tally {
  const failures: { name: string; problem: string }[] = [];
  const quirks: { name: string; decision: string }[] = [];
  let passed = 0;
  return {
    get passed() {
      return passed;
    },
    failures,
    quirks,
    pass: () => {
      passed++;
    },
    fail: (name, problem) => {
      failures.push({ name, problem });
    },
    quirk: (name, decision) => {
      quirks.push({ name, decision });
    },
  };
}
