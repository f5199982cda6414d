import { rmSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError, EXIT } from '../kit/exit-codes.ts';
import { shutdownOnSignal } from '../kit/signals.ts';
import { probeTls } from '../kit/tls-probe.ts';
import { checkLog, type LogCheck } from '../log/log-check.ts';
import type { DevReady } from '../server/dev-server.ts';
import { ChildServer } from './child-server.ts';
import { Correspondent } from './correspondent.ts';
import { letterOf, part, readLines } from './lines.ts';
import { type Comparison, compare, isFaultless } from './verdict.ts';

export interface DemoOptions {
  readonly root: string;
  readonly file: string;
  /** Over how long the lines are spread. */
  readonly seconds: number;
  readonly keep: boolean;
  readonly say: (who: string, text: string) => void;
}

export interface DemoReport {
  readonly passed: boolean;
  readonly file: string;
  readonly lines: number;
  /** Of each device: lines that the server acknowledged, and how those of the other one arrived. */
  readonly devices: Readonly<Record<string, Comparison & { readonly acknowledged: number }>>;
  readonly offlinePeriods: number;
  readonly kills: number;
  readonly log: LogCheck;
  /** Where the server's data is; undefined when it was removed. */
  readonly data: string | undefined;
}

/** Bob is online in the even ones and offline in the odd ones. */
const PERIODS = 8;
/** An online one, right after Bob came back. */
const KILL_IN = 4;
const CHANNEL = 1;
/** Milliseconds without any new line after which the rest counts as lost. */
const PATIENCE = 15_000;
const OUTAGE = 700;

/**
 * Two devices exchange a file through a server that is killed on the way; see `commucat demo`. However it ends, the server
 * does not outlive it, and keys stay only where the report says so.
 *
 * @throws CommandError when a signal has interrupted it
 */
export async function runDemo(options: DemoOptions): Promise<DemoReport> {
  const lines = await readLines(options.file);
  const { asked } = shutdownOnSignal();
  const data = await mkdtemp(join(tmpdir(), 'commucat-demo-'));
  const server = new ChildServer({ root: options.root, data: join(data, 'server') });
  let keep = options.keep;
  // A second signal ends this process without any of what is below.
  const lastResort = (): void => {
    void server[Symbol.asyncDispose]();
    if (!keep) rmSync(data, { recursive: true, force: true });
  };
  process.once('exit', lastResort);
  try {
    const told = new Story(options, lines, data, server).tell();
    const report = await Promise.race([told, asked.then(interrupted)]);
    keep ||= !report.passed;
    return { ...report, data: keep ? data : undefined };
  } catch (error) {
    keep ||= !(error instanceof Interrupted);
    if (keep) options.say('demo', `the data is in ${data}`);
    throw error;
  } finally {
    await server[Symbol.asyncDispose]();
    if (!keep) await rm(data, { recursive: true, force: true });
    process.off('exit', lastResort);
  }
}

class Interrupted extends CommandError {}

function interrupted(): never {
  throw new Interrupted(EXIT.FAILURE, 'interrupted; nothing is left behind');
}

class Story {
  readonly #options: DemoOptions;
  readonly #lines: readonly string[];
  readonly #server: ChildServer;
  readonly #alice: Correspondent;
  readonly #bob: Correspondent;
  readonly #data: string;
  #kills = 0;
  #offline = 0;

  constructor(options: DemoOptions, lines: readonly string[], data: string, server: ChildServer) {
    this.#options = options;
    this.#lines = lines;
    this.#data = data;
    this.#server = server;
    const correspondent = (name: string): Correspondent =>
      new Correspondent({
        name,
        file: join(data, `${name}.json`),
        channel: CHANNEL,
        say: (text) => options.say(name, text),
      });
    this.#alice = correspondent('alice');
    this.#bob = correspondent('bob');
  }

  async tell(): Promise<DemoReport> {
    const ready = await this.#open();
    const ca = await readFile(ready.ca_file, 'utf8');
    const [aliceId, bobId] = [await this.#alice.deviceId(), await this.#bob.deviceId()];
    const callBob = (): Promise<void> => this.#bob.connect(ready, ca, aliceId);
    await this.#alice.connect(ready, ca, bobId);
    this.#options.say('alice', 'is online');
    await callBob();
    this.#options.say('bob', 'is online');
    for (let period = 0; period < PERIODS; period += 1) {
      if (period % 2 === 0) {
        if (period > 0) await this.#comeBack(callBob);
        await this.#together(period);
      } else {
        await this.#alone(period);
      }
    }
    await this.#comeBack(callBob);
    await this.#alice.settled();
    await this.#everythingArrived();
    await this.#alice.disconnect();
    await this.#bob.disconnect();
    return this.#conclude();
  }

  async #open(): Promise<DevReady> {
    const { say } = this.#options;
    say('server', 'starts in a fresh folder');
    const ready = await this.#server.start();
    const { protocol, alpn } = await probeTls(ready.url, await readFile(ready.ca_file, 'utf8'));
    say('server', `listens on ${ready.url} (${protocol}, ALPN ${alpn}), process ${ready.pid}`);
    return ready;
  }

  async #together(period: number): Promise<void> {
    const { say } = this.#options;
    const sending = Promise.all([
      this.#sendPart(this.#alice, part(this.#lines.length, period, PERIODS)),
      this.#sendPart(this.#bob, part(this.#lines.length, period / 2, PERIODS / 2)),
    ]);
    // A failure is thrown by the last `await`; until then it must not count as unhandled.
    sending.catch(() => undefined);
    if (period === KILL_IN) {
      await sleep(this.#period / 2);
      await this.#server.kill();
      this.#kills += 1;
      say('server', 'is killed with SIGKILL, while both are sending');
      await sleep(OUTAGE);
      const { pid } = await this.#server.start();
      say('server', `is started again on the same data, process ${pid}`);
    }
    await sending;
    say('alice', this.#progress(this.#alice));
    say('bob', this.#progress(this.#bob));
  }

  async #alone(period: number): Promise<void> {
    const { say } = this.#options;
    await this.#bob.disconnect();
    this.#offline += 1;
    say('bob', 'goes offline');
    const { from, to } = part(this.#lines.length, period, PERIODS);
    await this.#sendPart(this.#alice, { from, to });
    await this.#alice.settled();
    say('alice', `has sent ${to - from} lines that wait for bob`);
  }

  async #comeBack(callBob: () => Promise<void>): Promise<void> {
    await callBob();
    this.#options.say('bob', 'is online again');
  }

  get #period(): number {
    return (this.#options.seconds * 1000) / PERIODS;
  }

  async #sendPart(who: Correspondent, { from, to }: ReturnType<typeof part>): Promise<void> {
    const started = performance.now();
    const pause = this.#period / Math.max(1, to - from);
    for (let index = from; index < to; index += 1) {
      const ahead = started + (index - from) * pause - performance.now();
      if (ahead > 1) await sleep(ahead);
      await who.send(letterOf(index + 1, this.#lines[index] ?? ''));
    }
  }

  #progress(who: Correspondent): string {
    return `has sent ${who.sent} lines (${who.acknowledged} acknowledged) and received ${who.received.length}`;
  }

  async #everythingArrived(): Promise<void> {
    const arrived = (): number => this.#alice.received.length + this.#bob.received.length;
    let known = -1;
    let since = performance.now();
    while (arrived() < 2 * this.#lines.length && performance.now() - since < PATIENCE) {
      if (arrived() !== known) since = performance.now();
      known = arrived();
      await sleep(20);
    }
    // What is doubled would come now.
    await sleep(200);
  }

  async #conclude(): Promise<DemoReport> {
    const { say, file } = this.#options;
    const exitCode = await this.#server.stop();
    say('server', `is stopped with SIGTERM, exit code ${exitCode}`);
    const log = await checkLog(join(this.#data, 'server'));
    const judge = (who: Correspondent): Comparison & { readonly acknowledged: number } => ({
      ...compare(this.#lines, who.received),
      acknowledged: who.acknowledged,
    });
    const devices = { alice: judge(this.#alice), bob: judge(this.#bob) };
    const isComplete = Object.values(devices).every(
      (device) => isFaultless(device) && device.acknowledged === this.#lines.length,
    );
    return {
      passed: isComplete && log.clean && exitCode === 0,
      file: basename(file),
      lines: this.#lines.length,
      devices,
      offlinePeriods: this.#offline,
      kills: this.#kills,
      log,
      data: this.#data,
    };
  }
}
