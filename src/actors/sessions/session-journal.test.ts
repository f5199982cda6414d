import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scheduler } from '../../../test/kit/scheduler.ts';
import { turns } from '../../../test/kit/waiting.ts';
import type { SessionOpened } from '../../events/events.ts';
import { STREAMS } from '../../events/streams.ts';
import type { EventLog, ReadAllOptions, StreamAppend, StreamName } from '../../log/event-log.ts';
import { LogError } from '../../log/log-error.ts';
import { MemoryLog } from '../../log/memory/memory-log.ts';
import type { Clock } from '../../ports/ports.ts';
import type { RelayEvents } from '../runtime/relay-events.ts';
import { WriteBreaker } from '../runtime/write-breaker.ts';
import { SessionJournal } from './session-journal.ts';

const openedBy = (device: string): SessionOpened => ({
  type: 'session.opened',
  device,
  user: `user-of-${device}`,
  pattern: 'XK',
  generation: 'records',
  capabilities: [],
  noiseKeyVersion: 1,
});

/** A journal that starts on what an earlier one left, and the failures that it tells of. */
async function started(
  log: EventLog,
  clock: Clock = new Scheduler(),
): Promise<{ readonly journal: SessionJournal; readonly failures: string[] }> {
  const failures: string[] = [];
  const events = { failed: (what: string) => void failures.push(what) } as unknown as RelayEvents;
  const journal = new SessionJournal({ log, clock, events, breaker: new WriteBreaker(clock) });
  await journal.restore();
  return { journal, failures };
}

/** What the log has of each session, in short: `a: opened, closed server_restart`. */
async function lives(log: EventLog): Promise<string[]> {
  const found = new Map<string, string[]>();
  for await (const recorded of log.readAll({ categories: [STREAMS.session.category] })) {
    const event = STREAMS.session.decode(recorded);
    const life = found.get(recorded.stream) ?? [];
    found.set(recorded.stream, life);
    life.push(event.type === 'session.closed' ? `closed ${event.reason}` : 'opened');
  }
  return [...found].map(([stream, life]) => `${STREAMS.session.keyOf(stream)}: ${life.join(', ')}`).sort();
}

/** The same log, and how many events of sessions were read from it. */
function counted(log: EventLog): { readonly log: EventLog; readonly reads: () => number } {
  let reads = 0;
  const readAll = async function* (options?: ReadAllOptions) {
    for await (const event of log.readAll(options)) {
      reads += 1;
      yield event;
    }
  };
  const proxy = new Proxy(log, {
    get(target, name) {
      const value = name === 'readAll' ? readAll : Reflect.get(target, name, target);
      return typeof value === 'function' && name !== 'readAll' ? value.bind(target) : value;
    },
  });
  return { log: proxy, reads: () => reads };
}

test('given sessions that were open when the process was killed, when a journal starts, then each is closed once, and the others are left', async () => {
  const log = new MemoryLog(new Scheduler());
  const { journal } = await started(log);
  await journal.opened('a', openedBy('phone'));
  await journal.opened('b', openedBy('laptop'));
  await journal.opened('c', openedBy('tablet'));
  journal.closed('b', 'laptop', 'closed');
  await turns(12);
  const next = await started(log);
  const expected = [
    'a: opened, closed server_restart',
    'b: opened, closed closed',
    'c: opened, closed server_restart',
  ];
  assert.deepEqual(await lives(log), expected);
  await next.journal.opened('d', openedBy('phone'));
  await started(log);
  assert.deepEqual(await lives(log), [...expected, 'd: opened, closed server_restart']);
});

test('given a log of a version that noted nothing, when a journal starts, then what it left open is closed', async () => {
  const log = new MemoryLog(new Scheduler());
  await log.append([STREAMS.session.append('a', 'any', [openedBy('phone')])]);
  await started(log);
  assert.deepEqual(await lives(log), ['a: opened, closed server_restart']);
});

test('given many sessions in the past and few open, when a journal starts after a kill, then it reads what came behind the last note only', async () => {
  const log = new MemoryLog(new Scheduler());
  const { journal } = await started(log);
  await journal.opened('old', openedBy('old'));
  for (let i = 0; i < 5000; i++) {
    await journal.opened(`s${i}`, openedBy('phone'));
    journal.closed(`s${i}`, 'phone', 'closed');
  }
  await turns(12);
  const after = counted(log);
  await started(after.log);
  assert.ok(after.reads() <= 4096, `${after.reads()} events of ${10_001}`);
  const left = (await lives(log)).filter((life) => !life.endsWith(': opened, closed closed'));
  assert.deepEqual(left, ['old: opened, closed server_restart']);
});

test('given a disk that refuses, when a journal starts or a session ends, then it starts, and the next start closes them', async () => {
  const log = new MemoryLog(new Scheduler());
  const { journal, failures } = await started(log);
  await journal.opened('a', openedBy('phone'));
  await journal.opened('b', openedBy('laptop'));
  log.failing = new LogError('LOG_UNAVAILABLE', 'full', { retryable: true });
  journal.closed('b', 'laptop', 'closed');
  await assert.rejects(journal.opened('c', openedBy('tablet')), { code: 'LOG_UNAVAILABLE' });
  assert.deepEqual(failures, ['session.closed']);
  const onFullDisk = await started(log);
  assert.deepEqual(onFullDisk.failures, ['session.closed', 'sessions.noted']);
  log.failing = undefined;
  await onFullDisk.journal.opened('d', openedBy('tablet'));
  await started(log);
  assert.deepEqual(await lives(log), [
    'a: opened, closed server_restart',
    'b: opened, closed server_restart',
    'd: opened, closed server_restart',
  ]);
});

test('given an orderly end while sessions end, when a journal starts, then it finds nothing to read and nothing to close', async () => {
  const log = new MemoryLog(new Scheduler());
  const { journal } = await started(log);
  for (const id of ['a', 'b', 'c']) await journal.opened(id, openedBy(id));
  for (const id of ['a', 'b', 'c']) journal.closed(id, id, 'shutdown');
  await journal[Symbol.asyncDispose]();
  const after = counted(log);
  await started(after.log);
  assert.equal(after.reads(), 0);
  assert.deepEqual(await lives(log), [
    'a: opened, closed shutdown',
    'b: opened, closed shutdown',
    'c: opened, closed shutdown',
  ]);
});

/** Counts what is appended, also what is refused. */
function counting(log: MemoryLog): () => number {
  let appends = 0;
  const append = log.append.bind(log);
  log.append = (streams) => {
    appends += 1;
    return append(streams);
  };
  return () => appends;
}

test('given a disk that refuses, when many sessions end, then one append in a second is tried, and all ends are written when it is well', async () => {
  const clock = new Scheduler();
  const log = new MemoryLog(clock);
  const { journal, failures } = await started(log, clock);
  const ids = Array.from({ length: 600 }, (_, index) => `s${index}`);
  for (const id of ids) await journal.opened(id, openedBy(id));
  const appends = counting(log);
  log.failing = new LogError('LOG_UNAVAILABLE', 'full', { retryable: true });
  for (const id of ids.slice(0, 300)) journal.closed(id, id, 'broken');
  await turns(12);
  for (const id of ids.slice(300)) journal.closed(id, id, 'broken');
  await turns(12);
  assert.equal(appends(), 1);
  for (let second = 1; second <= 3; second += 1) {
    clock.sleep(1000);
    await turns(12);
    assert.equal(appends(), 1 + second);
  }
  assert.deepEqual(new Set(failures), new Set(['session.closed']));
  log.failing = undefined;
  clock.sleep(1000);
  await turns(12);
  assert.deepEqual(await lives(log), ids.map((id) => `${id}: opened, closed broken`).sort());
});

test('given a disk that refuses while a session ends, when the journal ends on a disk that is well, then the end is written', async () => {
  const log = new MemoryLog(new Scheduler());
  const { journal } = await started(log);
  await journal.opened('a', openedBy('phone'));
  log.failing = new LogError('LOG_UNAVAILABLE', 'full', { retryable: true });
  journal.closed('a', 'phone', 'broken');
  await turns(12);
  log.failing = undefined;
  await journal[Symbol.asyncDispose]();
  assert.deepEqual(await lives(log), ['a: opened, closed broken']);
});

test('given a disk that refuses when a journal starts, when it is well, then what was open is closed without another start', async () => {
  const clock = new Scheduler();
  const log = new MemoryLog(clock);
  const { journal } = await started(log, clock);
  await journal.opened('a', openedBy('phone'));
  log.failing = new LogError('LOG_UNAVAILABLE', 'full', { retryable: true });
  await started(log, clock);
  log.failing = undefined;
  clock.sleep(1000);
  await turns(12);
  assert.deepEqual(await lives(log), ['a: opened, closed server_restart']);
});

const call = (callId: string): StreamName => STREAMS.call.stream({ channelKey: 'k', callId });
const offered = (callId: string): StreamAppend => {
  const parties = { initiator: 'a', participants: ['a', 'b'] };
  const offer = { call: 'c', channel: 'k', ...parties, mode: 'full_duplex', video: false } as const;
  return STREAMS.call.append({ channelKey: 'k', callId }, 'no-stream', [{ type: 'call.offered', ...offer }]);
};
const ended = (callId: string): StreamAppend =>
  STREAMS.call.append({ channelKey: 'k', callId }, 0, [{ type: 'call.ended', reason: 'hangup' }]);

test('given calls before and behind a note, when a journal starts, then it knows those that have not ended, and reads what came behind the note only', async () => {
  const log = new MemoryLog(new Scheduler());
  const { journal } = await started(log);
  // A call that runs through all of it, and one whose end stands in the log although the note still names it.
  for (const id of ['long', 'noted']) {
    journal.callBegins(call(id));
    await log.append([offered(id)]);
  }
  await log.append([ended('noted')]);
  for (let i = 0; i < 3000; i += 1) {
    journal.callBegins(call(`${i}`));
    await log.append([offered(`${i}`)]);
    await log.append([ended(`${i}`)]);
    journal.callIsOver(call(`${i}`));
  }
  journal.callBegins(call('last'));
  await log.append([offered('last')]);
  const after = counted(log);
  const next = await started(after.log);
  assert.deepEqual(next.journal.calls, [call('long'), call('noted'), call('last')]);
  assert.ok(after.reads() <= 4096, `${after.reads()} events of 6004`);
});

test('given a note of a version that noted no calls, when a journal starts, then it looks for them in the whole log', async () => {
  const log = new MemoryLog(new Scheduler());
  await log.append([offered('old')]);
  const data = Buffer.from(JSON.stringify({ v: 1, open: [['a', 'phone']] }));
  await log.append([STREAMS.session.append('a', 'any', [openedBy('phone')])]);
  const { stream } = STREAMS.sessions;
  await log.append([{ stream, expected: 'any', events: [{ type: 'sessions.noted', data }] }]);
  const { journal } = await started(log);
  assert.deepEqual(journal.calls, [call('old')]);
  assert.deepEqual(await lives(log), ['a: opened, closed server_restart']);
});
