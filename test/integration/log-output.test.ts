// The server's own log lines, on outputs that take nothing.
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, createReadStream, openSync, type ReadStream, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './cli-support.ts';

const WRITER = fileURLToPath(new URL('../kit/log-writer.ts', import.meta.url));
/** Lines of about a kilobyte: more than a pipe and the waiting lines hold together. */
const FLOOD = 3000;

interface Report {
  readonly written: number;
  readonly lost: number;
}

interface Line {
  readonly message: string;
  readonly number?: number;
  readonly lines?: number;
}

class Writer implements AsyncDisposable {
  readonly process: ChildProcess;

  private constructor(stdout: number | 'pipe') {
    const stdio: StdioOptions = ['ignore', stdout, 'inherit', 'ipc'];
    this.process = spawn(process.execPath, ['--import', 'tsx', WRITER], { stdio });
  }

  static async start(stdout: number | 'pipe'): Promise<Writer> {
    const writer = new Writer(stdout);
    await once(writer.process, 'message');
    return writer;
  }

  /** Only a process that nothing blocks answers. */
  async write(lines: number): Promise<Report> {
    const answer = once(this.process, 'message');
    this.process.send(lines);
    return (await answer)[0] as Report;
  }

  async end(): Promise<number | null> {
    const exit = once(this.process, 'exit');
    this.process.disconnect();
    return (await exit)[0] as number | null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const exit = once(this.process, 'exit');
      this.process.kill('SIGKILL');
      await exit;
    }
  }
}

/** A FIFO; `held` keeps it open without reading, as a reader does that has stopped. */
function makeFifo(folder: string): { readonly path: string; readonly held: number; readonly end: number } {
  const path = join(folder, 'output');
  execFileSync('mkfifo', [path]);
  const held = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { path, held, end: openSync(path, constants.O_WRONLY | constants.O_NONBLOCK) };
}

class Reader implements Disposable {
  readonly #stream: ReadStream;
  readonly #lines: AsyncIterator<string>;

  constructor(path: string) {
    this.#stream = createReadStream(path);
    this.#lines = createInterface({ input: this.#stream })[Symbol.asyncIterator]();
  }

  /** Reads lines until `isLast` holds for one. */
  async until(isLast: (line: Line) => boolean): Promise<readonly Line[]> {
    const lines: Line[] = [];
    for (;;) {
      const { done, value } = await this.#lines.next();
      if (done === true) return lines;
      const line = JSON.parse(value) as Line;
      lines.push(line);
      if (isLast(line)) return lines;
    }
  }

  [Symbol.dispose](): void {
    this.#stream.destroy();
  }
}

function numbersOf(lines: readonly Line[]): readonly (number | undefined)[] {
  return lines.filter(({ message }) => message === 'line').map(({ number }) => number);
}

test('given a full disk below the output, when lines are written, then the process goes on, counts what is lost and ends', async () => {
  const full = openSync('/dev/full', 'w');
  await using writer = await Writer.start(full);
  closeSync(full);
  const report = await writer.write(FLOOD);
  assert.ok(report.lost > 0 && report.lost < FLOOD, String(report.lost));
  assert.deepEqual(await writer.write(1), { written: FLOOD + 1, lost: report.lost + 1 });
  assert.equal(await writer.end(), 0);
});

test('given a reader that has stopped, when it reads again, then every line is there in order or in the count of the gap', async () => {
  await using folder = await temporaryFolder();
  const { path, held, end } = makeFifo(folder.path);
  await using writer = await Writer.start(end);
  closeSync(end);
  const { lost } = await writer.write(FLOOD);
  assert.ok(lost > 0 && lost < FLOOD, String(lost));
  using reader = new Reader(path);
  const before = await reader.until(({ lines }) => lines !== undefined);
  closeSync(held);
  assert.equal(before.at(-1)?.lines, lost);
  const kept = FLOOD - lost;
  assert.deepEqual(
    numbersOf(before),
    Array.from({ length: kept }, (_, index) => index + 1),
  );
  await writer.write(2);
  const after = await reader.until(({ number }) => number === FLOOD + 2);
  assert.deepEqual(numbersOf(after), [FLOOD + 1, FLOOD + 2]);
  assert.equal(await writer.end(), 0);
});

test('given a reader that has stopped for good, when the process ends, then it does not wait for it', async () => {
  await using folder = await temporaryFolder();
  const { held, end } = makeFifo(folder.path);
  await using writer = await Writer.start(end);
  writeSync(end, 'x');
  await writer.write(FLOOD);
  assert.equal(await writer.end(), 0);
  closeSync(end);
  closeSync(held);
});

test('given a reader that has died, when another one comes, then the lines that waited are there', async () => {
  await using folder = await temporaryFolder();
  const { path, held, end } = makeFifo(folder.path);
  await using writer = await Writer.start(end);
  closeSync(end);
  closeSync(held);
  assert.equal((await writer.write(10)).lost, 0);
  using reader = new Reader(path);
  const lines = await reader.until(({ number }) => number === 10);
  assert.equal(lines.length, 10);
  assert.equal(await writer.end(), 0);
});

for (const fate of ['does not read', 'has gone']) {
  test(`given a socket whose other end ${fate}, when lines are written, then the process goes on and ends`, async () => {
    await using writer = await Writer.start('pipe'); // Node.js makes pairs of sockets of these.
    if (fate === 'has gone') writer.process.stdout?.destroy();
    const { lost } = await writer.write(FLOOD);
    assert.ok(lost > 0 && lost < FLOOD, String(lost));
    assert.equal((await writer.write(1)).written, FLOOD + 1);
    assert.equal(await writer.end(), 0);
  });
}

test('given a file as the output, when the process ends, then it holds every line', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'log');
  const file = openSync(path, 'w');
  await using writer = await Writer.start(file);
  closeSync(file);
  for (let round = 0; round < 3; round += 1) await writer.write(300);
  assert.equal(await writer.end(), 0);
  using reader = new Reader(path);
  const lines = await reader.until(({ number }) => number === 900);
  assert.equal(lines.length, 900);
});
