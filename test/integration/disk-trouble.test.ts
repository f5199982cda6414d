import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { STREAMS } from '../../src/events/streams.ts';
import { verifyLog } from '../../src/log/segments/inspect.ts';
import { openSegmentLog } from '../../src/log/segments/open-segment-log.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { systemClock } from '../../src/system/index.ts';
import { ServerProcess } from '../kit/server-process.ts';
import { fill, smallDisk } from '../kit/small-disk.ts';
import { type ServerAddress, WireClient } from '../kit/wire-client.ts';

const limits = { timeout: 180_000 };
/** Facts and journal reach their second segment, and so their first index file, after some hundred devices. */
const SMALL_SEGMENTS = 'log.segment_bytes=1048576';

function addressOf(server: ServerProcess): ServerAddress {
  const { domain, noise_public: noisePublic } = server.ready;
  return { port: server.port, ca: server.ca, domain, noisePublic };
}

test(
  'given a small disk that is filled again and again, when devices chat and come, then the process lives and keeps what it acknowledged',
  limits,
  async (t) => {
    using disk = smallDisk(14);
    if (disk === undefined) {
      t.skip('this user may not mount a file system');
      return;
    }
    const server = await ServerProcess.start([SMALL_SEGMENTS], disk.path);
    const { pid } = server;
    const ballast = join(disk.path, 'ballast');
    const acknowledged: string[] = [];
    let refused = 0;
    const alice = await WireClient.connect(addressOf(server), 'alice', { capabilities: [] });
    await alice.join(7, ['alice', 'bob']);
    const bob = await WireClient.connect(addressOf(server), 'bob');
    await bob.join(7, ['alice', 'bob']);
    bob.close();
    for (let round = 0; round < 4; round += 1) {
      fill(ballast);
      for (let number = 0; number < 40; number += 1) {
        const words = `${round}:${number}:${'x'.repeat(45_000)}`;
        if ((await alice.say(7, words)).type === FRAME.ACK) acknowledged.push(words);
        else refused += 1;
      }
      // A stranger's handshake is refused too, and ends nothing.
      await WireClient.connect(addressOf(server), `stranger-${round}`).then(
        (stranger) => stranger.close(),
        () => undefined,
      );
      rmSync(ballast);
      for (let tries = 0; tries < 20; tries += 1) {
        const words = `with space ${round}:${tries}`;
        if ((await alice.say(7, words)).type !== FRAME.ACK) continue;
        acknowledged.push(words);
        break;
      }
    }
    assert.ok(refused > 0, 'the disk was full');
    assert.match(acknowledged.at(-1) ?? '', /^with space 3/);
    assert.equal(server.pid, pid);
    alice.close();
    await server.kill();
    await server.start();
    const back = await WireClient.connect(addressOf(server), 'bob');
    for (const words of acknowledged) {
      const message = await back.until(({ type }) => type === FRAME.MSG);
      assert.equal(message.text, words);
      back.post(FRAME.ACK, 0, { ack: message.sequence });
    }
    back.close();
    assert.equal(await server.stop(), 0);
    assert.deepEqual((await verifyLog(server.logDirectory, { clock: systemClock })).damage, []);
  },
);

const WRITER = `
import { openSegmentLog } from './src/log/segments/open-segment-log.ts';
import { STREAMS } from './src/events/streams.ts';
import { systemClock } from './src/system/system-clock.ts';
const log = await openSegmentLog({ directory: process.argv[1], clock: systemClock, segmentSize: 1048576 });
let refused = 0;
for (let i = 0; i < 1500; i++) {
  const stream = [STREAMS.user, STREAMS.session, STREAMS.mail][i % 3].stream(String(i));
  try {
    await log.append([{ stream, expected: 'no-stream', events: [{ type: 't', data: Buffer.alloc(700, i) }] }]);
    process.stdout.write(stream + '\\n');
  } catch (error) {
    if (error.code !== 'LOG_UNAVAILABLE') throw error;
    refused += 1;
  }
}
await log[Symbol.asyncDispose]();
process.stdout.write('refused ' + refused + '\\n');
`;

test(
  'given a quota on the size of each file, when segments and index reach it, then appends are refused, and the process and all that it acknowledged live on',
  limits,
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'commucat-quota-'));
    try {
      // The unit of the shell is a kilobyte: a segment could be ten times larger.
      const command = 'ulimit -f 100; exec "$0" "$@"';
      const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', WRITER, directory];
      const child = spawn('bash', ['-c', command, ...node], { stdio: ['ignore', 'pipe', 'inherit'] });
      const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
      const lines: string[] = [];
      for await (const line of createInterface({ input: child.stdout })) lines.push(line);
      assert.equal(await exited, 0);
      const [refused, ...acknowledged] = lines.toReversed();
      assert.match(refused ?? '', /^refused [1-9]/);
      assert.ok(acknowledged.length > 1000);
      await using log = await openSegmentLog({ directory, clock: systemClock });
      const found = new Map<string, number>();
      for await (const { stream, data } of log.readAll()) found.set(stream, data.length);
      for (const stream of acknowledged) assert.equal(found.get(stream), 700, stream);
      assert.deepEqual((await verifyLog(directory, { clock: systemClock })).damage, []);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
);

test(
  'given garbage in every file of the index, and in the one of an older version, when the server starts, then it serves and says so',
  limits,
  async () => {
    await using server = await ServerProcess.start(['log.segment_bytes=1048576']);
    const alice = await WireClient.connect(addressOf(server), 'alice');
    await alice.join(7, ['alice', 'bob']);
    alice.close();
    assert.equal(await server.stop(), 0);
    await sealSegments(server.logDirectory);
    const indexFiles = readdirSync(server.logDirectory).filter((name) => name.endsWith('.idx'));
    assert.ok(indexFiles.length >= 2);
    for (const name of indexFiles) writeFileSync(join(server.logDirectory, name), Buffer.alloc(20_480, 'Z'));
    mkdirSync(join(server.logDirectory, 'index'));
    writeFileSync(join(server.logDirectory, 'index', 'data.mdb'), Buffer.alloc(20_480, 'Z'));
    await server.start();
    const again = await WireClient.connect(addressOf(server), 'alice');
    assert.equal((await again.join(7, ['alice', 'bob'])).type, FRAME.ACK);
    again.close();
    assert.equal(await server.stop(), 0);
    for (const name of indexFiles) assert.match(server.errors, new RegExp(name.replace('.idx', '.seg')));
  },
);

/** Appends until facts and journal have more than one segment. */
async function sealSegments(directory: string): Promise<void> {
  await using log = await openSegmentLog({ directory, clock: systemClock, segmentSize: 65_536 });
  const added = Array.from({ length: 250 }, () => ({ type: 'user.device_added', device: 'filler' }) as const);
  const rejected = { type: 'handshake.rejected', reason: 'x', device: null } as const;
  const noted = added.map(() => rejected);
  for (let i = 0; i < 8; i += 1) {
    await log.append([STREAMS.user.append('filler', 'any', added)]);
    await log.append([STREAMS.audit.append('filler', 'any', noted)]);
  }
}
