import { closeSync, constants, fstatSync, openSync, write, writeSync } from 'node:fs';
import { clearTimeout, setTimeout } from 'node:timers';
import { LIMIT_TABLE } from '../limits/index.ts';

/** Bytes of lines that wait while the output takes nothing; what comes then is lost, and counted. */
const MAX_WAITING = LIMIT_TABLE.logOutputBytes.value;
/** Milliseconds until what failed, or found no room, is tried again: doubled each time. */
const RETRY_MIN = 20;
const RETRY_MAX = 1_000;

/** Takes some of the bytes; never waits for whoever reads them. */
type Sink = (bytes: Buffer, done: (error: Error | null | undefined, written: number) => void) => void;

/**
 * Where the lines of the server's own log leave the process. A full disk, a reader that has stopped reading or has gone,
 * a terminal held by Ctrl-S: none of them blocks or ends the process. Lines wait, up to a mebibyte; those for which there
 * is no room are lost and counted, and how many were lost is said at the place of the gap, once all before it is written.
 *
 * An adapter with timers of its own: it works before there is a server with a clock, and keeps the process alive while
 * `flush` waits.
 */
export class LogOutput {
  readonly #descriptor: number;
  readonly #isStream: boolean;
  readonly #sink: Sink;
  #lines: string[] = [];
  /** What is being written, and was not yet taken. */
  #chunk: Buffer | undefined;
  #waiting = 0;
  #retryMs = RETRY_MIN;
  #retry: NodeJS.Timeout | undefined;
  #lost = 0;
  #unsaid = 0;
  #sayLost: ((lines: number) => void) | undefined;
  readonly #flushing = new Set<() => void>();

  /** @param descriptor standard output or standard error */
  constructor(descriptor: 1 | 2) {
    const own = reopened(descriptor);
    this.#isStream = own === undefined && hasReader(descriptor);
    this.#descriptor = own ?? descriptor;
    this.#sink = this.#isStream
      ? streamSink(descriptor)
      : (bytes, done) => write(this.#descriptor, bytes, done);
    process.once('exit', () => this.#writeRest());
  }

  /** Lines lost since the start. */
  get lost(): number {
    return this.#lost;
  }

  /** Called with the number of lines of a gap when the output works again; it writes a line about them. */
  onRecovery(say: (lines: number) => void): void {
    this.#sayLost = say;
  }

  write(line: string): void {
    const bytes = Buffer.byteLength(line);
    // One gap at a time: after a lost line the next ones are lost, too, until all before the gap is written.
    if (this.#unsaid > 0 || this.#waiting + bytes > MAX_WAITING) {
      this.#lost += 1;
      this.#unsaid += 1;
      return;
    }
    this.#lines.push(line);
    this.#waiting += bytes;
    if (this.#chunk === undefined) this.#next();
  }

  /** Waits until all lines are written, at most so many milliseconds. */
  flush(timeoutMs: number): Promise<void> {
    if (this.#chunk === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#flushing.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.#flushing.add(done);
    });
  }

  #next(): void {
    if (this.#lines.length === 0 && this.#unsaid > 0) this.#close();
    if (this.#lines.length === 0) {
      for (const done of this.#flushing) done();
      return;
    }
    this.#chunk = Buffer.from(this.#lines.join(''));
    this.#lines = [];
    this.#push(this.#chunk);
  }

  /** Ends a gap. */
  #close(): void {
    const lines = this.#unsaid;
    this.#unsaid = 0;
    // The line about the gap must not start a second writer while this one goes on.
    this.#chunk = Buffer.alloc(0);
    this.#sayLost?.(lines);
    this.#chunk = undefined;
  }

  #push(chunk: Buffer): void {
    this.#sink(chunk, (error, written) => {
      if (error) {
        this.#tryAgain(chunk);
        return;
      }
      this.#retryMs = RETRY_MIN;
      this.#waiting -= written;
      const rest = chunk.subarray(written);
      this.#chunk = rest.length === 0 ? undefined : rest;
      if (rest.length === 0) this.#next();
      else this.#push(rest);
    });
  }

  #tryAgain(chunk: Buffer): void {
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#push(chunk);
    }, this.#retryMs).unref();
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MAX);
  }

  /** The process ends: what the output takes at once is not lost. */
  #writeRest(): void {
    const isBlocked = this.#retry !== undefined;
    // What Node's stream holds comes first, and is out of reach.
    if (this.#isStream && this.#chunk !== undefined) return;
    const rest = Buffer.concat([
      ...(isBlocked && this.#chunk !== undefined ? [this.#chunk] : []),
      Buffer.from(this.#lines.join('')),
    ]);
    try {
      if (rest.length > 0) writeSync(this.#descriptor, rest);
    } catch {
      // It takes nothing now, and there is no later.
    }
  }
}

/**
 * The same pipe, terminal or device through a description of our own, on which no write waits. The flag on the
 * inherited one would be seen by every process that shares it.
 * @returns `undefined` for files and sockets, and where it cannot be opened again
 */
function reopened(descriptor: number): number | undefined {
  const found = fstatSync(descriptor);
  if (!found.isFIFO() && !found.isCharacterDevice()) return undefined;
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
  let opened: number | undefined;
  try {
    opened = openSync(`/proc/self/fd/${descriptor}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
    if (fstatSync(opened).ino === found.ino) return opened;
  } catch {
    // No /proc, or the pipe belongs to another user.
  }
  if (opened !== undefined) closeSync(opened);
  return undefined;
}

/** Whether a write on the descriptor itself may wait for a reader. */
function hasReader(descriptor: number): boolean {
  const found = fstatSync(descriptor);
  return found.isFIFO() || found.isSocket();
}

/** Node's own stream: it keeps what a pipe or a socket has no room for, and tells when it is out. */
function streamSink(descriptor: 1 | 2): Sink {
  const stream = descriptor === 1 ? process.stdout : process.stderr;
  stream.on('error', () => undefined); // The callback of the write tells.
  return (bytes, done) => void stream.write(bytes, (error) => done(error, error ? 0 : bytes.length));
}
