import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { letterOf } from '../../cli/demo/lines.ts';
import { compare, isFaultless } from '../../cli/demo/verdict.ts';
import { commucat, temporaryFolder } from './cli-support.ts';

const LINES = ['first', '', 'third', 'third'];
const LETTERS = LINES.map((text, index) => letterOf(index + 1, text));

test('given what was sent, when it arrived in order and once, then there is no fault', () => {
  assert.deepEqual(compare(LINES, LETTERS), {
    expected: 4,
    received: 4,
    lost: 0,
    doubled: 0,
    outOfOrder: 0,
    altered: 0,
  });
});

test('given a lost, a doubled, an early and an altered line, when they are compared, then each is counted as what it is', () => {
  const [one = '', two = '', three = '', four = ''] = LETTERS;
  const faults = (received: readonly string[]) => {
    const comparison = compare(LINES, received);
    assert.equal(isFaultless(comparison), false);
    const { lost, doubled, outOfOrder, altered } = comparison;
    return { lost, doubled, outOfOrder, altered };
  };
  const none = { lost: 0, doubled: 0, outOfOrder: 0, altered: 0 };
  assert.deepEqual(faults([one, two, four]), { ...none, lost: 1 });
  assert.deepEqual(faults([one, two, two, three, four]), { ...none, doubled: 1 });
  assert.deepEqual(faults([one, three, two, four]), { ...none, outOfOrder: 1 });
  assert.deepEqual(faults([one, letterOf(2, 'x'), three, four]), { ...none, lost: 1, altered: 1 });
  assert.deepEqual(faults([]), { ...none, lost: 4 });
});

test('given a text file, when the demo runs, then both devices have it, over a kill of the server', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'text.txt');
  const lines = Array.from({ length: 64 }, (_, index) => (index % 5 === 0 ? '' : `line ${index} \u{1f408}`));
  await writeFile(file, `${lines.join('\n')}\n`);
  const { code, stdout, stderr } = await commucat(['demo', '--file', file, '--seconds', '2', '--json']);
  assert.equal(code, 0, stdout + stderr);
  const report = JSON.parse(stdout) as {
    devices: Record<string, { received: number; acknowledged: number }>;
  };
  assert.equal(JSON.parse(stdout).kills, 1);
  for (const name of ['alice', 'bob']) {
    assert.deepEqual([report.devices[name]?.received, report.devices[name]?.acknowledged], [64, 64]);
  }
});

test('given no text, when the demo is asked for it, then it says so', async () => {
  const { code, stderr } = await commucat(['demo', '--file', '/nowhere.txt']);
  assert.equal(code, 2);
  assert.match(stderr, /\/nowhere\.txt/);
});
