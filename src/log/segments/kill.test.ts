import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { systemClock } from '../../system/system-clock.ts';
import { verifyLog } from './inspect.ts';
import { openSegmentLog } from './open-segment-log.ts';

const WRITER = `
import { openSegmentLog } from './src/log/segments/open-segment-log.ts';
import { systemClock } from './src/system/system-clock.ts';
import { call, mail, user } from './test/kit/stream-names.ts';
const log = await openSegmentLog({ directory: process.argv[1], clock: systemClock, segmentSize: 65536 });
const streams = [mail('a'), mail('b'), user('a'), call('a')];
const loop = async (stream) => {
  for (;;) {
    const [{ position, revision }] = await log.append([
      { stream, expected: 'any', events: [{ type: 't', data: Buffer.from(stream + ' '.repeat(300)) }] },
    ]);
    process.stdout.write(JSON.stringify([position, stream, revision]) + '\\n');
  }
};
await Promise.all(streams.map(loop));
`;

/** Runs the writer until it has acknowledged `lines` events, kills it, returns everything that it acknowledged. */
async function killedWriter(directory: string, lines: number): Promise<string[]> {
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', WRITER, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledged: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    // Half a line is an acknowledgement that nobody heard.
    if (line.endsWith(']')) acknowledged.push(line);
    if (acknowledged.length >= lines) child.kill('SIGKILL');
  }
  return acknowledged;
}

test('given a writer killed with SIGKILL again and again, when reopened, then all that it acknowledged is there', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'commucat-kill-'));
  try {
    const acknowledged: string[] = [];
    for (const lines of [50, 333, 1000]) acknowledged.push(...(await killedWriter(directory, lines)));
    await using log = await openSegmentLog({ directory, clock: systemClock, segmentSize: 65_536 });
    const found = new Set<string>();
    let last = 0;
    for await (const { position, stream, revision, data } of log.readAll()) {
      assert.ok(position > last);
      last = position;
      assert.equal(Buffer.from(data).toString().trimEnd(), stream);
      found.add(JSON.stringify([position, stream, revision]));
    }
    for (const one of acknowledged) assert.ok(found.has(one), `${one} is lost`);
    assert.ok(acknowledged.length >= 1383);
    assert.deepEqual((await verifyLog(directory, { clock: systemClock })).damage, []);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
