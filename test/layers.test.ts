import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, test } from 'node:test';

/** Files beside each other in one folder, without tests and folders. */
const FULL = 16;
/** Lines of a file: one that is longer holds two concepts. */
const LONG = 400;
const ROOT = join(import.meta.dirname, '..');
const TABLE = JSON.parse(readFileSync(join(ROOT, 'layers.json'), 'utf8')) as Record<
  string,
  readonly string[]
>;
const ROOMS = Object.keys(TABLE);

/** Ours: other tests install compilers below `test`. */
function typeScriptBelow(folder: string): string[] {
  const entries = readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
    .filter((file) => !file.includes('node_modules'));
}

function filesBelow(folder: string): string[] {
  return typeScriptBelow(folder).filter((file) => !file.endsWith('.test.ts'));
}

/** The innermost room around a file; undefined outside of all. */
function roomOf(file: string): string | undefined {
  let folder = dirname(file).replace(/^src\/?/, '');
  while (folder !== '' && folder !== '.' && !ROOMS.includes(folder)) folder = dirname(folder);
  return ROOMS.includes(folder) ? folder : undefined;
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, path = '']) =>
    normalize(join(dirname(file), path)),
  );
}

/** Whether a row's entry, a room or `room/*`, permits the room. */
function permits(entry: string, room: string): boolean {
  const whole = entry.endsWith('/*') ? entry.slice(0, -2) : undefined;
  return whole === undefined ? entry === room : room === whole || room.startsWith(`${whole}/`);
}

describe('given the table of rooms', () => {
  const used = new Map<string, Set<string>>();
  for (const file of filesBelow('src')) {
    const room = roomOf(file);
    if (room === undefined) continue;
    const others = used.get(room) ?? new Set();
    used.set(room, others);
    for (const target of importsOf(file)) {
      const other = roomOf(target);
      if (other !== undefined && other !== room) others.add(other);
    }
  }

  test('when a room may import another, then it does: nobody keeps a key that is not needed', () => {
    const idle = ROOMS.flatMap((room) =>
      (TABLE[room] ?? [])
        .filter((entry) => ![...(used.get(room) ?? [])].some((other) => permits(entry, other)))
        .map((entry) => `${room} -> ${entry}`),
    );
    assert.deepEqual(idle, []);
  });

  test('when it is read from the top, then each room imports only rooms above it', () => {
    const upwards = ROOMS.flatMap((room, place) =>
      (TABLE[room] ?? [])
        .filter((entry) => !entry.endsWith('/*') && ROOMS.indexOf(entry) >= place)
        .map((entry) => `${room} -> ${entry}`),
    );
    // The list of calls' structures is published with the others.
    assert.deepEqual(upwards, ['protocol/control -> protocol/control/calls']);
  });

  test('when somebody reads ARCHITECTURE.md, then each room is named there', () => {
    const rows = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8').split('\n');
    const missing = ROOMS.filter((room) => {
      const [top = '', ...inner] = room.split('/');
      const row = rows.find((line) => line.startsWith('| `src/') && line.includes(`\`src/${top}\``)) ?? '';
      return row === '' || !inner.every((name) => row.includes(`\`${name}\``));
    });
    assert.deepEqual(missing, []);
  });

  test('when folders are counted, then none is so full that nobody finds anything', () => {
    const counts = new Map<string, number>();
    for (const file of [...filesBelow('src'), ...filesBelow('cli')]) {
      counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
    }
    assert.deepEqual(
      [...counts].filter(([, count]) => count > FULL),
      [],
    );
  });

  test('when lines are counted, then no file is longer than anybody reads at a time, tests among them', () => {
    const folders = ['src', 'cli', 'test', 'bench', 'fuzz', 'scripts', 'examples'];
    const lengths = folders
      .flatMap((folder) => typeScriptBelow(folder))
      .map((file) => [file, readFileSync(join(ROOT, file), 'utf8').split('\n').length - 1] as const);
    assert.deepEqual(
      lengths.filter(([, lines]) => lines > LONG),
      [],
    );
  });
});
