import type { Transaction } from 'kysely';
import type { Category, EventType } from '../../events/streams.ts';
import type { RecordedEvent } from '../../log/event-log.ts';
import type { ReadModels, TableName } from '../tables/schema.ts';

/** What a projection gathers between two transactions. */
export interface ProjectionBatch {
  /**
   * Takes one event. On the path of every letter: no I/O, as little work as possible.
   *
   * @throws when it does not understand the event; the projection then stands still before it.
   */
  add(event: RecordedEvent): void;
  /** Entries in memory; 0 when there is nothing to write. */
  readonly held: number;
  /**
   * Writes the rows.
   *
   * @param horizon Unix ms; what expired at or before it must not be in the rows afterwards. Part of the log's time,
   *   never of the wall clock: the same events give the same rows whenever they are read.
   */
  write(db: Transaction<ReadModels>, horizon: number): Promise<void>;
}

/** One view of the log: a function from events to rows, without decisions of its own. */
export interface Projection {
  readonly name: string;
  /** Raised when the same events give other rows than before; the rows are then dropped and built again. */
  readonly version: number;
  /** Written by this projection only. */
  readonly tables: readonly TableName[];
  /** An event of a type that this version does not know, in a stream of these categories, stops the projection. */
  readonly categories: readonly Category[];
  /** The event types that it turns into rows. */
  readonly types: readonly EventType[];
  batch(): ProjectionBatch;
}
