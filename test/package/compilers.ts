import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OWN = fileURLToPath(new URL('../../node_modules/typescript', import.meta.url));
const COMPILERS = fileURLToPath(new URL('./compilers', import.meta.url));

/**
 * Name and command of the newest and the oldest compiler that applications may use: the project's own, and one that is
 * installed at the first call. Where that is not possible it is left out, and standard error says so.
 */
export function compilers(): (readonly [name: string, tsc: string])[] {
  return [OWN, ...oldest()].map((folder) => {
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
    return [`TypeScript ${version}`, join(folder, 'bin/tsc')];
  });
}

function oldest(): string[] {
  const folder = join(COMPILERS, 'node_modules/oldest');
  if (!existsSync(folder)) {
    try {
      execFileSync('npm', ['ci', '--ignore-scripts', '--silent'], { cwd: COMPILERS, timeout: 120_000 });
    } catch (error) {
      process.stderr.write(`left out: the oldest compiler, which cannot be installed (${String(error)})\n`);
      return [];
    }
  }
  return [folder];
}
