import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { STREAMS } from '../src/events/streams.ts';

const ROOT = join(import.meta.dirname, '..');
const CATEGORIES = Object.values(STREAMS).map(({ category }) => category);

/** A string or template that begins like the name of a stream. */
const NAME = new RegExp(`['"\`]((?:${CATEGORIES.join('|')})-[^'"\`\\n]*)`, 'g');

/** What begins like the name of a stream and is none. */
const OTHERS: Readonly<Record<string, RegExp>> = {
  'a document of PROTOCOL.md': /^group-(member|role)-[a-zA-Z]+$/,
  'a header': /^user-agent$/,
  'a flag': /^device-(id|public)$/,
  'the id of a device': /^device-(\d*|[a-z]|of-[a-z]+|\$\{.*)$/,
  'the handle of a user': /^user-of-/,
  'the id of a group or of a call that a test makes up': /^(group|call)-\$\{(number|this\.#calls)\}$/,
  'a segment file': /^mail-\d{10}\.seg$/,
};

/** Names that are read from files, and names that a test of the log takes from nowhere. */
const MAY_CAST = [
  'src/log/segments/files/batch-reader.ts',
  'src/log/segments/index/metadata-stream.ts',
  'test/kit/stream-names.ts',
];

function sources(): { readonly path: string; readonly text: string }[] {
  return ['cli', 'src', 'test'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => `${folder}/${name}`)
      .filter((path) => path.endsWith('.ts') && !path.includes('node_modules'))
      .filter((path) => !path.startsWith('src/events/') && path !== 'test/stream-names.test.ts')
      .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') })),
  );
}

describe('given the table of streams', () => {
  const files = sources();
  const alike = files.flatMap(({ path, text }) =>
    [...text.matchAll(NAME)].map(([, name = '']) => ({ path, name })),
  );

  test('when something needs the name of a stream, then it has it from the table and spells none', () => {
    const others = Object.values(OTHERS);
    const spelt = alike.filter(({ name }) => !others.some((other) => other.test(name)));
    assert.deepEqual(spelt, []);
  });

  test('when a text becomes the name of a stream, then it has been read from the log', () => {
    const casts = files.filter(({ text }) => /\bas StreamName\b/.test(text)).map(({ path }) => path);
    assert.deepEqual(casts.sort(), MAY_CAST);
  });

  test('when something else begins like a name, then it is there: no exception outlives its reason', () => {
    const idle = Object.entries(OTHERS).filter(([, other]) => !alike.some(({ name }) => other.test(name)));
    assert.deepEqual(idle, []);
  });
});
