import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { verifyLog } from '../../src/log/segments/inspect.ts';
import { systemClock } from '../../src/system/index.ts';
import { ServerProcess } from '../kit/server-process.ts';
import { fill, type SmallDisk, smallDisk } from '../kit/small-disk.ts';
import type { ServerAddress } from '../kit/wire-client.ts';
import type { Weather } from './connection.ts';
import type { Plan } from './steps.ts';

const DISK_MIB = 64;
/** Time after a disk has room again in which refusals may still come, in milliseconds. */
const AFTERMATH = 5_000;
/** The least that `limits.mailbox_frames` takes. */
export const SMALL_MAILBOX = 256;

/** A server in a process of its own, on a disk of its own that can be full. */
export class ProcessServer implements AsyncDisposable, Weather {
  readonly #disk: SmallDisk | undefined;
  readonly #process: ServerProcess;
  /** Until when the disk may have been full. */
  #roughUntil = 0;
  /** Somebody has ended it; nobody else may. */
  #isDown = false;
  #isStopped = false;

  private constructor(disk: SmallDisk | undefined, process: ServerProcess) {
    this.#disk = disk;
    this.#process = process;
  }

  static async start({ window, mailbox }: Plan): Promise<ProcessServer> {
    const disk = smallDisk(DISK_MIB);
    const settings = [
      'log.segment_bytes=1048576',
      `limits.mailbox_window=${window}`,
      ...(mailbox < SMALL_MAILBOX ? [`limits.mailbox_frames=${SMALL_MAILBOX}`] : []),
    ];
    const directory = disk === undefined ? undefined : join(disk.path, 'data');
    return new ProcessServer(disk, await ServerProcess.start(settings, directory));
  }

  /** Whether this user may mount a disk that can be filled. */
  get hasDisk(): boolean {
    return this.#disk !== undefined;
  }

  get address(): ServerAddress {
    const { domain, noise_public: noisePublic } = this.#process.ready;
    return { port: this.#process.port, ca: this.#process.ca, domain, noisePublic };
  }

  /** What the server said when it ended although nobody had ended it. */
  get obituary(): string | undefined {
    return this.#isDown || this.#process.isRunning ? undefined : this.#process.errors.slice(-2_000);
  }

  now(): number {
    return performance.now();
  }

  wasRough(since: number): boolean {
    return this.#roughUntil >= since;
  }

  /** No byte is left on the disk. */
  fill(): void {
    if (this.#disk === undefined) return;
    this.#roughUntil = Number.POSITIVE_INFINITY;
    fill(join(this.#disk.path, 'ballast'));
  }

  heal(): void {
    if (this.#disk === undefined || this.#roughUntil !== Number.POSITIVE_INFINITY) return;
    rmSync(join(this.#disk.path, 'ballast'), { force: true });
    this.#roughUntil = performance.now() + AFTERMATH;
  }

  /** The process stands still; its sockets take what fits. */
  freeze(): void {
    process.kill(this.#process.pid, 'SIGSTOP');
    this.#isStopped = true;
  }

  thaw(): void {
    if (this.#isStopped && this.#process.isRunning) process.kill(this.#process.pid, 'SIGCONT');
    this.#isStopped = false;
  }

  /** Ends the server, with SIGKILL or in order, and starts it again with what it has. */
  async restart(how: 'kill' | 'stop'): Promise<void> {
    this.thaw();
    this.#isDown = true;
    if (how === 'kill') await this.#process.kill();
    else await this.#process.stop();
    this.heal();
    await this.#process.start();
    this.#isDown = false;
  }

  /** Ends the server and reads its log again. Returns what is damaged. */
  async examine(): Promise<readonly unknown[]> {
    this.#isDown = true;
    await this.#process.stop();
    return (await verifyLog(this.#process.logDirectory, { clock: systemClock })).damage;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.thaw();
    this.#isDown = true;
    await this.#process[Symbol.asyncDispose]();
    this.#disk?.[Symbol.dispose]();
  }
}
