import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventCost } from '../../src/log/append-check.ts';
import type { EventLog, NewEvent, RecordedEvent, StreamAppend, StreamName } from '../../src/log/event-log.ts';
import { call, channel, device, foreign, inbox, mail, session, user } from './stream-names.ts';
import { turns, until } from './waiting.ts';

/** An adapter under test; the clock is the test's. */
export interface LogUnderTest {
  readonly log: EventLog;
  /** Moves the log's clock, milliseconds. */
  advance(ms: number): void;
  close(): Promise<void>;
}

const text = (data: Uint8Array): string => Buffer.from(data).toString('utf8');
const event = (data: string, type = 'tested'): NewEvent => ({ type, data: Buffer.from(data) });
const to = (stream: StreamName, ...data: string[]): StreamAppend => ({
  stream,
  expected: 'any',
  events: data.map((one) => event(one)),
});

async function all(events: AsyncIterable<RecordedEvent>): Promise<RecordedEvent[]> {
  const result: RecordedEvent[] = [];
  for await (const one of events) result.push(one);
  return result;
}

const data = (events: readonly RecordedEvent[]): string[] => events.map((one) => text(one.data));

/** What every adapter of the `EventLog` port promises. */
export function eventLogContract(name: string, open: () => Promise<LogUnderTest>): void {
  const given = (sentence: string, body: (it: LogUnderTest) => Promise<void>): void => {
    test(sentence, async () => {
      const it = await open();
      try {
        await body(it);
      } finally {
        await it.close();
      }
    });
  };

  describe(`${name}: appending`, () => {
    given(
      'given an empty log, when one event is appended, then it has position 1 and revision 0',
      async ({ log }) => {
        assert.equal(log.headPosition, 0);
        assert.deepEqual(await log.append([to(user('a'), 'x')]), [{ position: 1, revision: 0 }]);
        assert.equal(log.headPosition, 1);
        assert.equal(log.healthy, true);
      },
    );

    given(
      'given concurrent appends, when all are durable, then they are in the order of the calls',
      async ({ log }) => {
        const calls = Array.from({ length: 50 }, (_, i) =>
          log.append([to(i % 2 ? mail('a') : user('b'), `${i}`)]),
        );
        const appended = (await Promise.all(calls)).map(([one]) => one?.position);
        assert.deepEqual(
          appended,
          Array.from({ length: 50 }, (_, i) => i + 1),
        );
        assert.deepEqual(
          data(await all(log.readAll())),
          Array.from({ length: 50 }, (_, i) => `${i}`),
        );
      },
    );

    given(
      'given a buffer, when the caller changes it after the call, then the log has what it was',
      async ({ log }) => {
        const bytes = Buffer.from('before');
        const done = log.append([
          { stream: user('a'), expected: 'any', events: [{ type: 't', data: bytes }] },
        ]);
        bytes.fill(0);
        await done;
        assert.deepEqual(data(await all(log.readStream(user('a')))), ['before']);
      },
    );

    given(
      'given a stream, when a wrong revision is expected, then nothing of the append happens',
      async ({ log }) => {
        await log.append([to(user('a'), '0')]);
        const wrong = [to(user('b'), 'no'), { ...to(user('a'), 'no'), expected: 7 }];
        await assert.rejects(log.append(wrong), { code: 'LOG_WRONG_REVISION' });
        await assert.rejects(log.append([{ ...to(user('a'), 'no'), expected: 'no-stream' }]), {
          code: 'LOG_WRONG_REVISION',
        });
        await log.append([
          { ...to(user('a'), '1'), expected: 0 },
          { ...to(user('b'), '0'), expected: 'no-stream' },
        ]);
        assert.deepEqual(data(await all(log.readAll())), ['0', '1', '0']);
      },
    );

    given(
      'given an append that is not durable yet, when the next expects its revision, then it holds',
      async ({ log }) => {
        const first = log.append([to(user('a'), '0')]);
        const second = log.append([{ ...to(user('a'), '1'), expected: 0 }]);
        const third = log.append([{ ...to(user('a'), 'no'), expected: 0 }]);
        await assert.rejects(third, { code: 'LOG_WRONG_REVISION' });
        await Promise.all([first, second]);
      },
    );

    given(
      'given one stream twice in an append, when it is durable, then the revisions follow each other',
      async ({ log }) => {
        const appended = await log.append([
          to(user('a'), '0', '1'),
          to(user('b'), '0'),
          { ...to(user('a'), '2'), expected: 1 },
        ]);
        assert.deepEqual(appended, [
          { position: 2, revision: 1 },
          { position: 3, revision: 0 },
          { position: 4, revision: 2 },
        ]);
        assert.deepEqual(
          (await all(log.readStream(user('a')))).map((one) => one.revision),
          [0, 1, 2],
        );
      },
    );

    given(
      'given mixed retention classes or no events, when appended, then it is refused',
      async ({ log }) => {
        await assert.rejects(log.append([to(user('a'), 'x'), to(mail('a'), 'x')]), { code: 'LOG_INVALID' });
        await assert.rejects(log.append([to(user('a'))]), { code: 'LOG_INVALID' });
        await assert.rejects(log.append([]), { code: 'LOG_INVALID' });
        await assert.rejects(log.append([to(foreign(`$$${user('a')}`), 'x')]), { code: 'LOG_INVALID' });
        assert.equal(log.headPosition, 0);
      },
    );

    given(
      'given an append up to the limit, when it is counted by what its events cost, then it is taken; a larger one never',
      async ({ log }) => {
        const most = log.appendLimit - eventCost(mail('a'), 'tested', 0);
        const size = Math.min(16 * 1024 * 1024, Math.floor(most / 2));
        const count = Math.floor(log.appendLimit / eventCost(mail('a'), 'tested', size));
        const events = (number: number): NewEvent[] =>
          Array.from({ length: number }, () => ({ type: 'tested', data: new Uint8Array(size) }));
        await assert.rejects(
          log.append([{ stream: mail('a'), expected: 'any', events: events(count + 1) }]),
          {
            code: 'LOG_INVALID',
          },
        );
        assert.equal(log.headPosition, 0);
        await log.append([{ stream: mail('a'), expected: 'no-stream', events: events(count) }]);
        assert.equal(log.headPosition, count);
      },
    );

    given('given a closed log, when something is appended, then it is refused', async ({ log }) => {
      await log[Symbol.asyncDispose]();
      await assert.rejects(log.append([to(user('a'), 'x')]), { code: 'LOG_CLOSED' });
    });
  });

  describe(`${name}: reading`, () => {
    given(
      'given a stream, when read from a revision with a limit, then these events come',
      async ({ log }) => {
        for (let i = 0; i < 10; i++) await log.append([to(call('a'), `${i}`), to(call('b'), `b${i}`)]);
        const read = await all(log.readStream(call('a'), { fromRevision: 3, limit: 4 }));
        assert.deepEqual(data(read), ['3', '4', '5', '6']);
        assert.deepEqual(await all(log.readStream(call('none'))), []);
        assert.deepEqual(await all(log.readStream(call('a'), { fromRevision: 10 })), []);
      },
    );

    given('given references, when read, then they come in the order asked for', async ({ log }) => {
      await log.append([to(mail('a'), 'a0', 'a1'), to(mail('b'), 'b0')]);
      await log.append([to(mail('a'), 'a2')]);
      const read = await log.readEvents([
        { stream: mail('a'), revision: 2 },
        { stream: mail('b'), revision: 0 },
        { stream: mail('b'), revision: 1 },
        { stream: mail('a'), revision: 0 },
        { stream: mail('c'), revision: 0 },
        { stream: mail('a'), revision: 2 },
      ]);
      assert.deepEqual(
        read.map((one) => one && text(one.data)),
        ['a2', 'b0', undefined, 'a0', undefined, 'a2'],
      );
    });

    given(
      'given all classes, when everything is read, then it is in position order with all fields',
      async (it) => {
        const { log } = it;
        await log.append([to(user('a'), 'fact')]);
        it.advance(5);
        await log.append([{ stream: mail('a'), expected: 'any', events: [event('letter', 'mail.posted')] }]);
        await log.append([to(session('a'), 'note')]);
        const read = await all(log.readAll());
        assert.deepEqual(
          read.map((one) => [one.position, one.stream, one.revision, one.type]),
          [
            [1, user('a'), 0, 'tested'],
            [2, mail('a'), 0, 'mail.posted'],
            [3, session('a'), 0, 'tested'],
          ],
        );
        assert.equal((read[1]?.recordedAt ?? 0) - (read[0]?.recordedAt ?? 0), 5);
      },
    );

    given(
      'given categories and a position, when everything is read, then only these come',
      async ({ log }) => {
        await log.append([to(user('a'), 'u'), to(device('a'), 'd')]);
        await log.append([to(mail('a'), 'm')]);
        assert.deepEqual(data(await all(log.readAll({ categories: ['device', 'mail'] }))), ['d', 'm']);
        assert.deepEqual(data(await all(log.readAll({ after: 2 }))), ['m']);
        assert.deepEqual(data(await all(log.readAll({ after: 1, categories: ['user'] }))), []);
      },
    );
  });

  describe(`${name}: subscribing`, () => {
    given('given old and new events, when subscribed, then each comes once and in order', async ({ log }) => {
      for (let i = 0; i < 20; i++) await log.append([to(i % 2 ? mail('a') : user('a'), `${i}`)]);
      const seen: RecordedEvent[] = [];
      await using _ = log.subscribeAll(async (events) => {
        await turns();
        seen.push(...events);
      });
      const calls = Array.from({ length: 200 }, (_, i) =>
        log.append([to(i % 3 ? mail('a') : call('a'), `${20 + i}`)]),
      );
      await Promise.all(calls);
      await until(() => seen.length >= 220);
      assert.deepEqual(
        data(seen),
        Array.from({ length: 220 }, (_, i) => `${i}`),
      );
    });

    given(
      'given a slow subscriber, when it is busy, then appends go on and it misses nothing',
      async ({ log }) => {
        const seen: string[] = [];
        let free: () => void = () => undefined;
        const busy = new Promise<void>((resolve) => {
          free = resolve;
        });
        await using _ = log.subscribeAll(
          async (events) => {
            await busy;
            seen.push(...data(events));
          },
          { after: 1, categories: ['mail'] },
        );
        for (let i = 0; i < 30; i++) await log.append([to(mail('a'), `${i}`)]);
        assert.deepEqual(seen, []);
        free();
        await until(() => seen.length >= 29);
        assert.deepEqual(
          seen,
          Array.from({ length: 29 }, (_, i) => `${i + 1}`),
        );
      },
    );

    given(
      'given a subscriber that throws, when an event comes, then done rejects with its error',
      async ({ log }) => {
        const subscription = log.subscribeAll(() => {
          throw new Error('broken');
        });
        await log.append([to(user('a'), 'x')]);
        await assert.rejects(subscription.done, { message: 'broken' });
      },
    );

    given('given a disposed subscription, when events come, then it sees none of them', async ({ log }) => {
      let seen = 0;
      const subscription = log.subscribeAll((events) => {
        seen += events.length;
      });
      await log.append([to(user('a'), 'x')]);
      await until(() => seen === 1);
      await subscription[Symbol.asyncDispose]();
      await subscription.done;
      await log.append([to(user('a'), 'y')]);
      assert.equal(seen, 1);
    });
  });

  describe(`${name}: keeping`, () => {
    for (const stream of [mail('a'), channel('a'), call('a')]) {
      given(
        `given ${stream}, when truncated, then what is below is gone and the revision stays`,
        async ({ log }) => {
          await log.append([to(stream, '0', '1', '2')]);
          await log.append([to(stream, '3')]);
          await log.truncate(stream, 2);
          await log.truncate(stream, 1);
          assert.deepEqual(data(await all(log.readStream(stream))), ['2', '3']);
          assert.deepEqual(data(await all(log.readAll())), ['2', '3']);
          assert.deepEqual(await log.readEvents([{ stream, revision: 1 }]), [undefined]);
          assert.deepEqual(await log.streamState(stream), { lastRevision: 3, truncateBefore: 2 });
          await log.truncate(stream, 4);
          assert.deepEqual(await all(log.readStream(stream)), []);
          const [appended] = await log.append([{ ...to(stream, '4'), expected: 3 }]);
          assert.equal(appended?.revision, 4);
          assert.deepEqual(data(await all(log.readStream(stream))), ['4']);
        },
      );
    }

    given('given a maximum count, when more is appended, then only the newest are there', async ({ log }) => {
      await log.append([to(user('a'), '0', '1', '2')]);
      await log.setStreamMetadata(user('a'), { maxCount: 2 });
      assert.deepEqual(data(await all(log.readStream(user('a')))), ['1', '2']);
      await log.append([to(user('a'), '3')]);
      assert.deepEqual(data(await all(log.readStream(user('a')))), ['2', '3']);
      assert.deepEqual(await log.streamState(user('a')), { lastRevision: 3, maxCount: 2 });
    });

    given('given an inbox, when it advances, then only the newest is there', async ({ log }) => {
      await log.append([to(inbox('a'), '0', '1'), to(inbox('b'), 'b')]);
      await log.append([to(inbox('a'), '2')]);
      assert.deepEqual(data(await all(log.readStream(inbox('a')))), ['2']);
      assert.deepEqual(data(await all(log.readAll({ categories: ['inbox'] }))), ['b', '2']);
      assert.equal((await log.streamState(inbox('a'))).lastRevision, 2);
    });

    given('given a maximum age, when it has passed, then the event is gone', async (it) => {
      const { log } = it;
      await log.setStreamMetadata(user('a'), { maxAge: 10 });
      await log.append([to(user('a'), 'old'), to(user('b'), 'kept')]);
      it.advance(6000);
      await log.append([to(user('a'), 'new')]);
      assert.deepEqual(data(await all(log.readStream(user('a')))), ['old', 'new']);
      it.advance(5000);
      assert.deepEqual(data(await all(log.readStream(user('a')))), ['new']);
      assert.deepEqual(data(await all(log.readAll())), ['kept', 'new']);
      assert.deepEqual(await log.readEvents([{ stream: user('a'), revision: 0 }]), [undefined]);
    });

    given('given a session, when 30 days have passed, then it is gone by default', async (it) => {
      await it.log.append([to(session('a'), 'x')]);
      it.advance(30 * 86_400_000 - 1);
      assert.equal((await all(it.log.readStream(session('a')))).length, 1);
      it.advance(1);
      assert.equal((await all(it.log.readStream(session('a')))).length, 0);
    });

    given('given an unknown stream, when asked for its state, then it has no revision', async ({ log }) => {
      assert.deepEqual(await log.streamState(user('none')), { lastRevision: -1 });
    });
  });
}
