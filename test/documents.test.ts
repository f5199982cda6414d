import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { FACT_VERSIONS } from '../src/events/upcasters.ts';
import { WIRE_ERRORS } from '../src/protocol/frames/errors.ts';

const ROOT = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

function filesBelow(folder: string, ending: RegExp): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => ending.test(name))
    .map((name) => join(folder, name));
}

const SOURCES = filesBelow('src', /(?<!\.test)\.ts$/);
const CITING = [
  ...['src', 'cli', 'test', 'bench', 'fuzz', 'docs', 'scripts'].flatMap((folder) =>
    filesBelow(folder, /\.(ts|md)$/),
  ),
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
];
/** Events of earlier versions, which name them in their logs: without them such a log could not be opened. */
const RETIRED = ['handshake.rejected'];
/** `PROTOCOL.md 2.1`, `PROTOCOL.md 9.2, 11.3 and 12`. */
const CITATION = /PROTOCOL\.md,? ((?:\d+(?:\.\d+)*)(?:(?:, | and |; )\d+(?:\.\d+)*)*)/g;

describe('given what the documents promise', () => {
  test('when a section of PROTOCOL.md is cited anywhere, then it exists', () => {
    const sections = new Set(
      [...read('PROTOCOL.md').matchAll(/^#+ (\d+(?:\.\d+)*)\.? /gm)].map(([, name]) => name),
    );
    assert.ok(sections.size > 80);
    const wrong = CITING.flatMap((file) =>
      [...read(file).matchAll(CITATION)].flatMap(([, list = '']) =>
        (list.match(/\d+(?:\.\d+)*/g) ?? [])
          .filter((section) => !sections.has(section))
          .map((section) => `${file}: ${section}`),
      ),
    );
    assert.deepEqual(wrong, []);
  });

  test('when a file of this repository is named in a document, then it is there', () => {
    const named = /`((?:src|cli|test|bench|fuzz|deploy|docs|examples|migrations|scripts)\/[\w./-]+\.\w+)`/g;
    const wrong = CITING.filter((file) => file.endsWith('.md') && file !== 'CHANGELOG.md').flatMap((file) =>
      [...read(file).matchAll(named)]
        .map(([, path = '']) => path)
        .filter((path) => !exists(path))
        .map((path) => `${file}: ${path}`),
    );
    assert.deepEqual(wrong, []);
  });

  test('when the log knows a type of event, then something writes it', () => {
    const text = SOURCES.filter((file) => !file.startsWith('src/events/'))
      .map(read)
      .join('\n');
    const idle = Object.keys(FACT_VERSIONS).filter((type) => !text.includes(`'${type}'`));
    assert.deepEqual(idle, RETIRED);
  });

  test('when the wire knows an error, then something answers it', () => {
    const text = SOURCES.filter((file) => file !== 'src/protocol/frames/errors.ts')
      .map(read)
      .join('\n');
    const idle = Object.keys(WIRE_ERRORS).filter((code) => !text.includes(`'${code}'`));
    assert.deepEqual(idle, []);
  });
});

function exists(path: string): boolean {
  try {
    read(path);
    return true;
  } catch {
    return false;
  }
}
