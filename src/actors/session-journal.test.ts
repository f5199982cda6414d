import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventLog, ReadAllOptions } from '../log/event-log.ts';
import type { FactEvent, SessionOpened } from '../log/events.ts';
import { decodeFact, encodeFact } from '../log/fact-encoding.ts';
import { LogError } from '../log/log-error.ts';
import { MemoryLog } from '../log/memory-log.ts';
import { testClock } from '../log/test-clock.ts';
import type { RelayEvents } from './relay-events.ts';
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
): Promise<{ readonly journal: SessionJournal; readonly failures: string[] }> {
  const failures: string[] = [];
  const events = { failed: (what: string) => void failures.push(what) } as unknown as RelayEvents;
  const journal = new SessionJournal(log, events);
  await journal.restore();
  return { journal, failures };
}

/** What the log has of each session, in short: `a: opened, closed server_restart`. */
async function lives(log: EventLog): Promise<string[]> {
  const found = new Map<string, string[]>();
  for await (const recorded of log.readAll({ categories: ['session'] })) {
    const event: FactEvent = decodeFact(recorded);
    const life = found.get(recorded.stream) ?? [];
    found.set(recorded.stream, life);
    life.push(event.type === 'session.closed' ? `closed ${event.reason}` : 'opened');
  }
  return [...found].map(([stream, life]) => `${stream.slice('session-'.length)}: ${life.join(', ')}`).sort();
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
  const log = new MemoryLog(testClock());
  const { journal } = await started(log);
  await journal.opened('a', openedBy('phone'));
  await journal.opened('b', openedBy('laptop'));
  await journal.opened('c', openedBy('tablet'));
  journal.closed('b', 'laptop', 'closed');
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
  const log = new MemoryLog(testClock());
  const opened = { stream: 'session-a', expected: 'any', events: [encodeFact(openedBy('phone'))] } as const;
  await log.append([opened]);
  await started(log);
  assert.deepEqual(await lives(log), ['a: opened, closed server_restart']);
});

test('given many sessions in the past and few open, when a journal starts after a kill, then it reads what came behind the last note only', async () => {
  const log = new MemoryLog(testClock());
  const { journal } = await started(log);
  await journal.opened('old', openedBy('old'));
  for (let i = 0; i < 5000; i++) {
    await journal.opened(`s${i}`, openedBy('phone'));
    journal.closed(`s${i}`, 'phone', 'closed');
  }
  const after = counted(log);
  await started(after.log);
  assert.ok(after.reads() <= 4096, `${after.reads()} events of ${10_001}`);
  const left = (await lives(log)).filter((life) => !life.endsWith(': opened, closed closed'));
  assert.deepEqual(left, ['old: opened, closed server_restart']);
});

test('given a disk that refuses, when a journal starts or a session ends, then it starts, and the next start closes them', async () => {
  const log = new MemoryLog(testClock());
  const { journal, failures } = await started(log);
  await journal.opened('a', openedBy('phone'));
  await journal.opened('b', openedBy('laptop'));
  log.failing = new LogError('LOG_UNAVAILABLE', 'full', { retryable: true });
  journal.closed('b', 'laptop', 'closed');
  await assert.rejects(journal.opened('c', openedBy('tablet')), { code: 'LOG_UNAVAILABLE' });
  assert.deepEqual(failures, ['session.closed']);
  const onFullDisk = await started(log);
  assert.deepEqual(onFullDisk.failures, ['session.closed', 'session.closed', 'sessions.noted']);
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
  const log = new MemoryLog(testClock());
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
