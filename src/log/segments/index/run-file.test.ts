import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as fc from 'fast-check';
import { nodeDisk } from '../disk/node-disk.ts';
import { NO_HASH, SEGMENT_HEADER } from '../files/format.ts';
import { Segment, segmentPath } from '../files/segment.ts';
import { openRunFile, writeRunFile } from './run-file.ts';
import { RunTable, type SegmentRuns } from './run-table.ts';
import type { Run } from './runs.ts';
import type { StreamKey } from './stream-key.ts';

let directory = '';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'commucat-runs-'));
});
after(() => rm(directory, { recursive: true, force: true }));

/** Keys that share words, so that rows of several streams stand behind one first word. */
const someKey: fc.Arbitrary<StreamKey> = fc.tuple(
  fc.constantFrom(0, 1, 0x7fffffff, 0xffffffff),
  fc.constantFrom(0, 1),
  fc.constant(0),
  fc.constantFrom(0, 0xffffffff),
);
const someAppends = fc.array(fc.record({ key: someKey, count: fc.integer({ min: 1, max: 4 }) }), {
  maxLength: 400,
});

async function newSegment(): Promise<Segment> {
  const path = segmentPath(directory, 'facts', 1);
  const header = { version: 1, family: 'facts', compacted: false, number: 1, contentEnd: 0 } as const;
  const file = await nodeDisk.open(path, 'create');
  const rest = { firstPosition: 1, createdAt: 0, chain: NO_HASH, chainEnd: NO_HASH };
  return new Segment(path, file, { ...header, ...rest }, SEGMENT_HEADER);
}

function check(runs: SegmentRuns, model: ReadonlyMap<string, Run[]>, keys: readonly StreamKey[]): void {
  for (const key of keys) {
    const known = model.get(key.join()) ?? [];
    assert.equal(runs.lastRevision(key), known.at(-1)?.lastRevision);
    for (const revision of [0, 3, 17, known.at(-1)?.lastRevision ?? 0, 1_000_000]) {
      const expected = known.filter((run) => run.lastRevision >= revision).slice(0, 5);
      assert.deepEqual(runs.runsFrom(key, revision, 5), expected);
    }
  }
}

test('given any appends to streams with similar keys, when asked in memory and from the file, then both know each run', async () => {
  await fc.assert(
    fc.asyncProperty(someAppends, fc.array(someKey), async (appends, others) => {
      const table = new RunTable(1);
      const model = new Map<string, Run[]>();
      for (const [i, { key, count }] of appends.entries()) {
        const runs = model.get(key.join()) ?? [];
        model.set(key.join(), runs);
        const firstRevision = (runs.at(-1)?.lastRevision ?? -1) + 1;
        const lastRevision = firstRevision + count - 1;
        runs.push({ firstRevision, lastRevision, segment: 1, offset: i });
        for (let revision = firstRevision; revision <= lastRevision; revision++) {
          table.add(key, revision, revision, i);
        }
      }
      const keys = [...appends.map(({ key }) => key), ...others];
      check(table, model, keys);
      const segment = await newSegment();
      await (await writeRunFile(nodeDisk, { segment, chainEnd: NO_HASH }, table, () => ({}))).close();
      const opened = await openRunFile(nodeDisk, { segment, chainEnd: NO_HASH });
      assert.ok(typeof opened !== 'string', String(opened));
      check(opened.runs, model, keys);
      await opened.runs.close();
      await segment.release();
    }),
    { numRuns: 60 },
  );
});

test('given a stream whose events are gone, when only its last revision is known, then it has one and no runs', async () => {
  const table = new RunTable(1);
  const key: StreamKey = [1, 2, 3, 4];
  table.add(key, 8, 7, 500);
  assert.equal(table.lastRevision(key), 7);
  assert.deepEqual(table.runsFrom(key, 0, 5), []);
  table.add(key, 8, 9, 600);
  assert.deepEqual(table.runsFrom(key, 0, 5), [
    { firstRevision: 8, lastRevision: 9, segment: 1, offset: 600 },
  ]);
});
