import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { build } from 'esbuild';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { compilers } from './compilers.ts';
import { undocumentedExports } from './documented-exports.ts';
import { PackedPackage } from './packed.ts';

const packed = new PackedPackage();
after(() => packed[Symbol.dispose]());
const run = promisify(execFile);

test('given the packed package, when publint reads it, then it has nothing to say', async () => {
  const { messages, pkg } = await publint({ pkgDir: packed.folder, pack: false, strict: true });
  assert.deepEqual(
    messages.map((message) => formatMessage(message, pkg)),
    [],
  );
});

test('given the packed package, when its types are resolved as modules, then every entry has the right ones', async () => {
  const analysis = await checkPackage(createPackageFromTarballData(packed.tarball));
  assert.ok(analysis.types);
  // Modules only: `require` of one is an error of the caller's before Node.js 22, and node10 knows no `exports`.
  const problems = analysis.problems.filter(
    (problem) =>
      problem.kind !== 'CJSResolvesToESM' &&
      !('resolutionKind' in problem && ['node10', 'node16-cjs'].includes(problem.resolutionKind)),
  );
  assert.deepEqual(problems, []);
});

/** Sources of applications: with what TypeScript knows of their platform, and the conditions of their bundler. */
const APPLICATIONS = {
  node: {
    source: `import { connect, FileDeviceStore, type Message } from 'commucat/client';
import { connect as same } from 'commucat/client/node';
import { FRAME } from 'commucat/protocol';
export { connect, FileDeviceStore, FRAME, type Message, same };`,
    platform: ['--lib', 'es2022', '--types', 'node'],
  },
  browser: {
    source: `import { connect, IndexedDbDeviceStore, type Message } from 'commucat/client';
import { connect as same } from 'commucat/client/browser';
import { connect as bundled } from 'commucat/client.bundle.js';
import { FRAME } from 'commucat/protocol';
export { bundled, connect, FRAME, IndexedDbDeviceStore, type Message, same };`,
    // A folder without types of Node.
    platform: ['--lib', 'es2022,dom', '--typeRoots', 'none'],
  },
} as const;

const RESOLUTIONS = {
  nodenext: ['--module', 'nodenext', '--moduleResolution', 'nodenext'],
  bundler: ['--module', 'esnext', '--moduleResolution', 'bundler'],
} as const;

for (const [name, tsc] of compilers()) {
  for (const [platform, application] of Object.entries(APPLICATIONS)) {
    for (const [resolution, flags] of Object.entries(RESOLUTIONS)) {
      test(`given ${name}, when it checks an application for ${platform} with ${resolution}, then the declarations pass`, async () => {
        const source = join(packed.application, `${platform}.mts`);
        writeFileSync(source, application.source);
        const strict = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--target', 'es2022'];
        const options = [...strict, ...flags, '--customConditions', platform, '--skipLibCheck', 'false'];
        const { stdout } = await run(process.execPath, [tsc, ...options, ...application.platform, source], {
          cwd: packed.application,
        }).catch((error: { stdout: string }) => error);
        assert.equal(stdout, '');
      });
    }
  }
}

test('given a program that names the SDK and uses nothing of it, when it is bundled, then nothing is left', async () => {
  const { outputFiles } = await build({
    absWorkingDir: packed.application,
    stdin: { contents: "import 'commucat/client';", resolveDir: packed.application },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    minify: true,
    write: false,
    logLevel: 'silent',
  });
  assert.equal(outputFiles[0]?.text.trim(), '');
});

test('given a page of the package, when it points at another file, then that is in the package too', () => {
  const pages = readdirSync(packed.folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.md'),
  );
  assert.ok(pages.includes('README.md') && pages.includes(join('docs', 'configuration.md')));
  const missing: string[] = [];
  for (const page of pages) {
    const text = readFileSync(join(packed.folder, page), 'utf8');
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)) {
      const path = join(packed.folder, dirname(page), target);
      if (!existsSync(path)) missing.push(`${page}: ${relative(packed.folder, path)}`);
    }
  }
  assert.deepEqual(missing, []);
});

test('given the help of a command, when it names a file, then that is in the package', () => {
  const manifest = readFileSync(join(packed.folder, 'oclif.manifest.json'), 'utf8');
  const named = [...manifest.matchAll(/\b(?:docs|deploy)\/[\w./-]*\w|\b[A-Z]+\.md\b/g)].map(([path]) => path);
  assert.ok(named.length > 0);
  assert.deepEqual(
    named.filter((path) => !existsSync(join(packed.folder, path))),
    [],
  );
});

for (const entry of ['client/index.d.ts', 'client/browser/index.d.ts', 'protocol/index.d.ts']) {
  test(`given ${entry}, when an editor shows a name that it exports, then there is a sentence about it`, () => {
    assert.deepEqual(undocumentedExports(join(packed.folder, 'dist/src', entry)), []);
  });
}
