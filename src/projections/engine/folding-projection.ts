import type { Transaction } from 'kysely';
import type { FactEvent } from '../../events/events.ts';
import { decodeFact } from '../../events/fact-encoding.ts';
import type { RecordedEvent } from '../../log/event-log.ts';
import { text } from '../tables/rows.ts';
import type { ReadModels } from '../tables/schema.ts';
import type { Projection, ProjectionBatch } from './projection.ts';

/** A fact with where and when it was recorded. */
export interface Fact {
  readonly event: FactEvent;
  /** The part of the stream's name behind the first `-`. */
  readonly key: string;
  readonly position: number;
  readonly revision: number;
  /** Unix ms. */
  readonly at: number;
}

/**
 * A projection of facts, one state per stream: load the states that a batch touches, fold its events in order with a
 * pure function, store. The rows depend on the events alone, not on where one batch ends and the next begins.
 */
export interface Folding<State> {
  /** The states that exist, by key. */
  load(db: Transaction<ReadModels>, keys: readonly string[]): Promise<Map<string, State>>;
  /** The state after the fact; `undefined`: nothing is kept. Also called for keys that were never seen. */
  evolve(state: State | undefined, fact: Fact): State | undefined;
  /** Replaces the rows of these keys; `undefined`: no rows. */
  store(db: Transaction<ReadModels>, states: ReadonlyMap<string, State | undefined>): Promise<void>;
  /** Removes what the log's retention does not keep either. */
  purge?(db: Transaction<ReadModels>, horizon: number): Promise<void>;
}

export function foldingProjection<State>(
  about: Omit<Projection, 'batch'>,
  folding: Folding<State>,
): Projection {
  return { ...about, batch: () => new FoldingBatch(folding) };
}

class FoldingBatch<State> implements ProjectionBatch {
  readonly #folding: Folding<State>;
  readonly #facts: Fact[] = [];

  constructor(folding: Folding<State>) {
    this.#folding = folding;
  }

  get held(): number {
    return this.#facts.length;
  }

  add(recorded: RecordedEvent): void {
    this.#facts.push({
      event: decodeFact(recorded),
      key: text(streamKey(recorded.stream)),
      position: recorded.position,
      revision: recorded.revision,
      at: recorded.recordedAt,
    });
  }

  async write(db: Transaction<ReadModels>, horizon: number): Promise<void> {
    if (this.#facts.length > 0) {
      const keys = [...new Set(this.#facts.map((fact) => fact.key))];
      const before = await this.#folding.load(db, keys);
      const after = new Map<string, State | undefined>(before);
      for (const fact of this.#facts) after.set(fact.key, this.#folding.evolve(after.get(fact.key), fact));
      await this.#folding.store(db, after);
    }
    await this.#folding.purge?.(db, horizon);
  }
}

function streamKey(stream: string): string {
  return stream.slice(stream.indexOf('-') + 1);
}
