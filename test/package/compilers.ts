import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OWN = fileURLToPath(new URL('../../node_modules/typescript', import.meta.url));
const OTHERS = fileURLToPath(new URL('./compilers', import.meta.url));

/**
 * Name and command of each compiler that applications may use: the project's own, and others that are installed at the
 * first call. Where that is not possible they are left out, and standard error says so.
 */
export function compilers(): (readonly [name: string, tsc: string])[] {
  const found = [OWN, ...others()];
  return found.map((folder) => {
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
    return [`TypeScript ${version}`, join(folder, 'bin/tsc')];
  });
}

function others(): string[] {
  const folders = ['oldest', 'last-in-javascript'].map((name) => join(OTHERS, 'node_modules', name));
  if (!folders.every((folder) => existsSync(folder))) {
    try {
      execFileSync('npm', ['ci', '--ignore-scripts', '--silent'], { cwd: OTHERS, timeout: 120_000 });
    } catch (error) {
      process.stderr.write(`left out: older compilers, which cannot be installed (${String(error)})\n`);
      return [];
    }
  }
  return folders;
}
