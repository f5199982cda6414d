import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { FRAME } from '../protocol/frames/frame-types.ts';
import type { LinkPort } from '../relay-port/relay-port.ts';
import { BatchPort } from './batch-port.ts';
import { readLinkCalls } from './link-calls.ts';
import { LinkFlows } from './link-flows.ts';
import { RelayCallWriter, readRelayCalls } from './relay-calls.ts';
import { RemoteLinks, type RemoteWorker, remoteWorker } from './remote-links.ts';

const FULL_AT = 65_537;
const REPORT_EVERY = 8_192;
/** As a record adds to what the relay counts, or does not. */
const LINK_OVERHEAD = 16;

/** Links whose peers take bytes when the test says so. */
class SlowLinks implements LinkPort {
  readonly waiting = new Map<number, number>();
  readonly holds: (readonly [session: number, held: boolean])[] = [];
  readonly ended: number[] = [];
  flushed = 0;

  send(session: number, _type: number, _channel: number, _sequence: number, payload: Uint8Array): void {
    this.waiting.set(session, this.backlog(session) + payload.length + LINK_OVERHEAD);
  }
  flush(): void {
    this.flushed += 1;
  }
  backlog(session: number): number {
    return this.waiting.get(session) ?? 0;
  }
  hold(session: number, held: boolean): void {
    this.holds.push([session, held]);
  }
  end(session: number): void {
    this.ended.push(session);
  }
}

/** Both ends of the port in one thread; time passes when the test says so. */
class TwoThreads {
  readonly links = new SlowLinks();
  readonly remote = new RemoteLinks(FULL_AT);
  readonly writable: number[] = [];
  readonly flows: LinkFlows;
  readonly fromWorker: RelayCallWriter;
  readonly worker: RemoteWorker;
  readonly workerPort: BatchPort;
  readonly #timers: (() => void)[] = [];
  readonly #soon: (() => void)[] = [];
  readonly #down: ArrayBuffer[] = [];
  readonly #up: ArrayBuffer[] = [];

  constructor() {
    const soon = (callback: () => void) => void this.#soon.push(callback);
    const into = (queue: ArrayBuffer[]) => (batch: ArrayBuffer) =>
      void queue.push(structuredClone(batch, { transfer: [batch] }));
    this.workerPort = new BatchPort({ clock: { soon }, transfer: into(this.#up) });
    const relayPort = new BatchPort({ clock: { soon }, transfer: into(this.#down) });
    this.worker = remoteWorker(relayPort);
    const clock = {
      soon,
      now: () => 0,
      monotonic: () => 0,
      after: (_delay: number, callback: () => void) => {
        this.#timers.push(callback);
        return () => void this.#timers.splice(this.#timers.indexOf(callback) >>> 0, 1);
      },
    };
    this.flows = new LinkFlows({
      port: this.workerPort,
      links: this.links,
      clock,
      reportEvery: REPORT_EVERY,
    });
    this.fromWorker = new RelayCallWriter(this.workerPort);
  }

  begin(session: number): void {
    this.remote.open(session, this.worker);
    this.flows.begin(session);
  }

  /** The relay sends a letter in this turn, if it thinks that there is room. */
  offer(session: number, length: number): boolean {
    if (this.remote.backlog(session) >= FULL_AT) return false;
    this.remote.send(session, FRAME.MSG, 1, 1, new Uint8Array(length));
    this.remote.flush(session, 0);
    return true;
  }

  endTurn(): void {
    for (let next = this.#soon.shift(); next !== undefined; next = this.#soon.shift()) next();
  }

  /** The worker's thread runs. */
  runWorker(): void {
    for (const timer of this.#timers.splice(0)) timer();
    this.endTurn();
    for (let batch = this.#down.shift(); batch !== undefined; batch = this.#down.shift()) {
      this.workerPort.receive(batch, (bytes) => readLinkCalls(bytes, this.flows));
      this.flows.endOfBatch();
    }
    this.endTurn();
  }

  /** The relay's thread runs. */
  runRelay(): void {
    const relay = { writable: (session: number) => void this.writable.push(session) };
    for (let batch = this.#up.shift(); batch !== undefined; batch = this.#up.shift()) {
      this.worker.port.receive(batch, (bytes) =>
        readRelayCalls(bytes, {
          frame: () => undefined,
          begin: () => undefined,
          taken: () => undefined,
          received: () => undefined,
          closed: (session) => this.remote.close(session),
          passed: (session, left) => this.remote.passed(session, left, relay),
        }),
      );
      this.remote.progressed(this.worker, relay);
    }
    this.endTurn();
  }

  settle(): void {
    for (let round = 0; round < 4; round += 1) {
      this.runWorker();
      this.runRelay();
    }
  }
}

test('given a peer that takes nothing, when letters are sent to it, then its backlog stops them at the limit and room is announced once it has taken half', () => {
  const threads = new TwoThreads();
  threads.begin(1);
  let sent = 0;
  while (threads.offer(1, 1000)) {
    sent += 1;
    if (sent % 7 === 0) threads.settle();
  }
  assert.ok(sent >= 60 && sent <= 66, `${sent} letters`);
  threads.settle();
  assert.deepEqual(threads.writable, []);
  threads.links.waiting.set(1, 50_000);
  threads.settle();
  assert.deepEqual(threads.writable, []);
  threads.links.waiting.set(1, 0);
  threads.settle();
  assert.deepEqual(threads.writable, [1]);
  assert.ok(threads.remote.backlog(1) < REPORT_EVERY);
});

test('given any load on any peers, when everything has been taken in the end, then nobody waits for room any more', () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('send' as const),
      session: fc.integer({ min: 1, max: 3 }),
      length: fc.nat(9000),
    }),
    fc.record({
      kind: fc.constant('take' as const),
      session: fc.integer({ min: 1, max: 3 }),
      length: fc.nat(90_000),
    }),
    fc.record({ kind: fc.constantFrom('worker' as const, 'relay' as const, 'turn' as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const threads = new TwoThreads();
      for (const session of [1, 2, 3]) threads.begin(session);
      const refused = new Set<number>();
      for (const next of steps) {
        if (next.kind === 'take') {
          const rest = Math.max(0, threads.links.backlog(next.session) - next.length);
          threads.links.waiting.set(next.session, rest);
        } else if (next.kind === 'send') {
          if (!threads.offer(next.session, next.length)) refused.add(next.session);
        } else if (next.kind === 'worker') threads.runWorker();
        else if (next.kind === 'relay') threads.runRelay();
        else threads.endTurn();
        for (const session of threads.writable.splice(0)) refused.delete(session);
      }
      threads.settle();
      threads.links.waiting.clear();
      threads.settle();
      for (const session of threads.writable) refused.delete(session);
      assert.deepEqual([...refused], []);
    }),
    { numRuns: 200 },
  );
});

test('given a worker that does not run, when more than its share waits for it, then all its links count as full until it has caught up', () => {
  const threads = new TwoThreads();
  const sessions = Array.from({ length: 400 }, (_, index) => index + 1);
  for (const session of sessions) threads.begin(session);
  const mostly = sessions.flatMap((session) => Array.from({ length: 12 }, () => session));
  const refused = mostly.filter((session) => !threads.offer(session, 5000));
  assert.ok(refused.length > 0);
  assert.ok(threads.worker.port.pending < 17_000_000, `${threads.worker.port.pending} bytes`);
  threads.links.flushed = 0;
  threads.endTurn();
  threads.runWorker();
  threads.links.waiting.clear();
  threads.settle();
  assert.deepEqual(new Set(threads.writable), new Set(refused));
});

test('given a relay that does not run, when a session goes on sending, then it is not read until the relay has caught up', () => {
  const threads = new TwoThreads();
  threads.begin(1);
  threads.begin(2);
  threads.begin(3);
  // The relay wants one of them to wait for another reason.
  threads.remote.hold(3, true);
  threads.settle();
  threads.links.holds.splice(0);
  const send = (session: number) => {
    threads.fromWorker.frame(session, {
      type: FRAME.MSG,
      channel: 1,
      sequence: 1,
      payload: new Uint8Array(60_000),
    });
    threads.flows.read(session);
  };
  for (let sent = 0; sent < 200 && threads.links.holds.length === 0; sent += 1) send(1);
  send(3);
  send(1);
  assert.deepEqual(threads.links.holds, [
    [1, true],
    [3, true],
  ]);
  assert.ok(threads.workerPort.pending < 9_000_000);
  threads.endTurn();
  threads.settle();
  assert.deepEqual(threads.links.holds.slice(2), [
    [1, false],
    [3, true],
  ]);
  threads.remote.hold(3, false);
  threads.settle();
  assert.deepEqual(threads.links.holds.at(-1), [3, false]);
});

test('given a session that either side has closed, when the other still calls, then nothing happens and nothing is kept', () => {
  const threads = new TwoThreads();
  threads.begin(1);
  threads.begin(2);
  threads.remote.end(1, 'replaced');
  threads.flows.forget(2);
  threads.fromWorker.closed(2, 'client_closed');
  threads.offer(2, 20_000);
  threads.settle();
  assert.deepEqual(threads.links.ended, [1]);
  assert.equal(threads.remote.size, 0);
  assert.equal(threads.remote.backlog(1), 0);
  threads.remote.send(1, FRAME.MSG, 1, 1, new Uint8Array(10));
  threads.remote.flush(1, 0);
  threads.flows.hold(2, true);
  threads.settle();
  assert.deepEqual(threads.links.holds, []);
  assert.equal(threads.worker.links.size, 0);
});
