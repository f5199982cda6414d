import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../telemetry/index.ts';

interface Closer {
  readonly name: string;
  /** Milliseconds. */
  readonly deadlineMs: number;
  readonly close: () => PromiseLike<void>;
}

/**
 * Ends the parts of a server, the newest first. None of them keeps the others from ending: a part that fails or takes
 * longer than its deadline is reported and left behind. Nothing acknowledged is lost by that; it is on disk.
 */
export class Closers {
  readonly #logger: Logger;
  readonly #closers: Closer[] = [];
  #closing: Promise<readonly string[]> | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** @param deadlineMs how long the end of this part may take, in milliseconds */
  push(name: string, deadlineMs: number, close: () => PromiseLike<void>): void {
    this.#closers.push({ name, deadlineMs, close });
  }

  /**
   * Whoever asks again waits for the same end: no part begins to end before the one that was opened behind it has.
   *
   * @returns the names of the parts that did not end in order
   */
  close(): Promise<readonly string[]> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<readonly string[]> {
    const left: string[] = [];
    for (let closer = this.#closers.pop(); closer !== undefined; closer = this.#closers.pop()) {
      if (!(await this.#end(closer))) left.push(closer.name);
    }
    return left;
  }

  async #end({ name, deadlineMs, close }: Closer): Promise<boolean> {
    const ended = new AbortController();
    // Not a timer of the clock: those let the process end while this waits.
    const late = sleep(deadlineMs, false, { signal: ended.signal }).catch(() => true);
    try {
      const inTime = await Promise.race([Promise.resolve(close()).then(() => true), late]);
      if (!inTime) this.#logger.error({ part: name, deadlineMs }, 'a part of the server did not end in time');
      return inTime;
    } catch (error) {
      this.#logger.error({ part: name, err: error }, 'a part of the server failed to end');
      return false;
    } finally {
      ended.abort();
    }
  }
}
