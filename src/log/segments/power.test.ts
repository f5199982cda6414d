import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventLogContract } from '../../../test/kit/event-log.contract.ts';
import { MemoryDisk, MemoryLock } from '../../../test/kit/memory-disk.ts';
import { chooser, Scheduler } from '../../../test/kit/scheduler.ts';
import { mail, session, user } from '../../../test/kit/stream-names.ts';
import { turns } from '../../../test/kit/waiting.ts';
import type { StreamName } from '../event-log.ts';
import { openSegmentLog } from './open-segment-log.ts';
import type { SegmentLog } from './segment-log.ts';

const STREAMS = [user('a'), user('b'), mail('a'), mail('b'), session('a')] as const;
const SEGMENT_SIZE = 8192;
const LIVES = 5;

function open(disk: MemoryDisk, clock: Scheduler): Promise<SegmentLog> {
  const lock = async () => new MemoryLock();
  return openSegmentLog({ directory: '/log', clock, disk, lock, segmentSize: SEGMENT_SIZE });
}

eventLogContract('segment log on a disk in memory', async () => {
  const clock = new Scheduler();
  const log = await open(new MemoryDisk(), clock);
  return { log, advance: (ms) => clock.sleep(ms), close: () => log[Symbol.asyncDispose]() };
});

/** What a stream was given, by revision. */
class Stream {
  readonly given: string[] = [];
  /** Events that were acknowledged, from the first. */
  acknowledged = 0;
  /** Revision before which everything may be gone. */
  truncated = 0;
}

/** One log through several lives, each of which ends when the power goes. */
class PoweredLog {
  readonly #choose: (count: number) => number;
  readonly #clock = new Scheduler();
  readonly #streams = new Map(STREAMS.map((name) => [name, new Stream()]));
  #disk = new MemoryDisk();
  events = 0;
  unacknowledged = 0;

  constructor(seed: number) {
    this.#choose = chooser(seed);
  }

  async run(): Promise<void> {
    for (let life = 0; life < LIVES; life += 1) {
      const log = await open(this.#disk, this.#clock);
      await this.#check(log);
      const steps = 5 + this.#choose(60);
      for (let step = 0; step < steps; step += 1) await this.#step(log);
      this.#disk = this.#disk.cutPower(this.#choose(1_000_000));
    }
    await this.#check(await open(this.#disk, this.#clock));
  }

  async #step(log: SegmentLog): Promise<void> {
    const name = STREAMS[this.#choose(STREAMS.length)] ?? STREAMS[0];
    const stream = this.#streams.get(name) ?? assert.fail(name);
    if (this.#choose(12) === 0) {
      stream.truncated = Math.max(stream.truncated, this.#choose(stream.acknowledged + 1));
      void log.truncate(name, stream.truncated).catch(() => undefined);
    } else if (this.#choose(20) === 0) {
      void log.maintain().catch(() => undefined);
    } else {
      this.#append(log, name, stream);
    }
    await turns(this.#choose(4));
    this.#clock.sleep(this.#choose(2000));
  }

  #append(log: SegmentLog, name: StreamName, stream: Stream): void {
    const data = Array.from({ length: 1 + this.#choose(3) }, () => {
      this.events += 1;
      return `${this.events} `.padEnd(1 + this.#choose(1500), 'x');
    });
    const expected = stream.given.length - 1;
    stream.given.push(...data);
    const end = stream.given.length;
    const events = data.map((one) => ({ type: 't', data: Buffer.from(one) }));
    // The power may go before the answer comes.
    void log.append([{ stream: name, expected, events }]).then(() => {
      stream.acknowledged = Math.max(stream.acknowledged, end);
    }, assert.fail);
  }

  /** What was acknowledged is there; what was not is there or not, in the order in which it was given. */
  async #check(log: SegmentLog): Promise<void> {
    for (const [name, stream] of this.#streams) {
      const found: [number, string][] = [];
      for await (const { revision, data } of log.readStream(name)) {
        found.push([revision, Buffer.from(data).toString()]);
      }
      const { lastRevision } = await log.streamState(name);
      assert.ok(lastRevision + 1 >= stream.acknowledged, `${name} lost what was acknowledged`);
      assert.ok(lastRevision < stream.given.length, `${name} has what nobody gave it`);
      for (const [revision, data] of found) assert.equal(data, stream.given[revision], `${name} ${revision}`);
      const due = lastRevision + 1 - stream.truncated;
      assert.ok(
        found.filter(([revision]) => revision >= stream.truncated).length === due,
        `${name} has a gap`,
      );
      this.unacknowledged += lastRevision + 1 - stream.acknowledged;
      stream.given.length = lastRevision + 1;
      stream.acknowledged = lastRevision + 1;
    }
  }
}

test('given a log under way, when the power goes at any moment and nobody knows which sectors were written, then nothing acknowledged is lost', async (t) => {
  const runs = Number(process.env.COMMUCAT_PROPERTY_RUNS ?? 25);
  const first = Number(process.env.COMMUCAT_PROPERTY_SEED ?? 1);
  let [events, unacknowledged] = [0, 0];
  for (let seed = first; seed < first + runs; seed += 1) {
    const log = new PoweredLog(seed);
    await log.run().catch((error: Error) => {
      throw new Error(`COMMUCAT_PROPERTY_SEED=${seed} COMMUCAT_PROPERTY_RUNS=1`, { cause: error });
    });
    events += log.events;
    unacknowledged += log.unacknowledged;
  }
  t.diagnostic(`${events} events, ${unacknowledged} durable that nobody was told of`);
  assert.ok(unacknowledged > 0);
});
