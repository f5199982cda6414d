import type { FactEvent } from '../../events/events.ts';
import { encodeFact } from '../../events/fact-encoding.ts';
import type { ExpectedRevision, StreamAppend } from '../../log/event-log.ts';

/** An append of facts to one stream. */
export function appendFacts(
  stream: string,
  expected: ExpectedRevision,
  facts: readonly FactEvent[],
): StreamAppend {
  return { stream, expected, events: facts.map(encodeFact) };
}
