// Runs the tests: `node --import tsx scripts/test.ts [folder or file ...]`, by default all of bench, src and test
// except the vectors, the package and those in a browser. Node's own runner takes patterns only from version 21 on.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const NOT_BY_DEFAULT = ['vectors', 'package', 'browser'].map((folder) => join('test', folder, '/'));

/** What tools keep in the temporary folder for the next run. */
const TOOLS = /^(tsx-|node-|v8-|esbuild|\.org\.chromium|org\.chromium|chrom)/;

function testFiles(path: string): string[] {
  if (statSync(path).isFile()) return [path];
  const inside = readdirSync(path, { recursive: true, encoding: 'utf8' });
  return inside.filter((name) => name.endsWith('.test.ts')).map((name) => join(path, name));
}

const named = process.argv.slice(2);
const files =
  named.length > 0
    ? named.flatMap(testFiles)
    : ['bench', 'src', 'test']
        .flatMap(testFiles)
        .filter((file) => !NOT_BY_DEFAULT.some((folder) => file.startsWith(folder)));
if (files.length === 0) {
  process.stderr.write('no test files\n');
  process.exit(1);
}
// Newer versions of Node strip types themselves, in half the time.
const loader = Reflect.get(process.features, 'typescript') ? [] : ['--import', 'tsx'];
const runner = [...loader, '--test', '--test-concurrency=3', '--test-reporter=spec'];
const temporary = mkdtempSync(join(tmpdir(), 'commucat-tests-'));
const { status } = spawnSync(process.execPath, [...runner, ...files.sort()], {
  stdio: 'inherit',
  env: { ...process.env, TMPDIR: temporary },
});
const left = readdirSync(temporary).filter((name) => !TOOLS.test(name));
rmSync(temporary, { recursive: true, force: true });
if (left.length > 0) process.stderr.write(`left in the temporary folder: ${left.join(', ')}\n`);
process.exit(left.length > 0 ? 1 : (status ?? 1));
