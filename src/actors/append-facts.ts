import type { ExpectedRevision, StreamAppend } from '../log/event-log.ts';
import type { FactEvent } from '../log/events.ts';
import { encodeFact } from '../log/fact-encoding.ts';

/** An append of facts to one stream. */
export function appendFacts(
  stream: string,
  expected: ExpectedRevision,
  facts: readonly FactEvent[],
): StreamAppend {
  return { stream, expected, events: facts.map(encodeFact) };
}
