import type { ReadAllOptions, RecordedEvent, Subscriber, Subscription } from '../event-log.ts';
import { categoryOf } from '../retention.ts';

/** What a subscription needs of a log. */
export interface FollowedLog {
  headPosition(): number;
  readAll(options: ReadAllOptions): AsyncIterable<RecordedEvent>;
  /**
   * The live events above a position while they are still in memory; undefined when some are not any more. `upTo` is
   * the position up to which this answer is complete.
   */
  recent?(after: number): { readonly events: readonly RecordedEvent[]; readonly upTo: number } | undefined;
  /** Calls back after each change of the head; returns what ends that. */
  onDurable(listener: () => void): () => void;
}

/** Events that a subscriber gets at once at most. */
const BATCH = 512;

export function categoryFilter(categories: readonly string[] | undefined): (stream: string) => boolean {
  if (categories === undefined) return () => true;
  const wanted = new Set(categories);
  return (stream) => wanted.has(categoryOf(stream));
}

/**
 * Delivers everything behind `options.after` in position order, from the files while the subscriber is behind and from
 * memory while it keeps up. There is one cursor and no queue, so nothing is lost or doubled where the two meet, and a
 * slow subscriber costs no memory.
 */
export function follow(subscriber: Subscriber, options: ReadAllOptions, log: FollowedLog): Subscription {
  let cursor = options.after ?? 0;
  let ended = false;
  let wake: (() => void) | undefined;
  const stopListening = log.onDurable(() => wake?.());
  const wanted = categoryFilter(options.categories);

  async function deliver(events: readonly RecordedEvent[]): Promise<void> {
    if (events.length > 0 && !ended) await subscriber(events);
  }

  async function catchUp(): Promise<void> {
    const head = log.headPosition();
    let batch: RecordedEvent[] = [];
    for await (const event of log.readAll({ ...options, after: cursor })) {
      if (ended) return;
      batch.push(event);
      if (batch.length < BATCH) continue;
      await deliver(batch);
      cursor = event.position;
      batch = [];
    }
    await deliver(batch);
    cursor = Math.max(head, batch.at(-1)?.position ?? 0, cursor);
  }

  async function run(): Promise<void> {
    for (;;) {
      if (ended) return;
      if (log.headPosition() <= cursor) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = undefined;
        continue;
      }
      const recent = log.recent?.(cursor);
      if (recent === undefined) {
        await catchUp();
        continue;
      }
      await deliver(recent.events.filter((event) => wanted(event.stream)));
      cursor = recent.upTo;
    }
  }

  const done = run().finally(stopListening);
  // Whoever does not look at `done` must not end the process with it.
  done.catch(() => undefined);
  return {
    done,
    async [Symbol.asyncDispose]() {
      ended = true;
      wake?.();
      await done.catch(() => undefined);
    },
  };
}
