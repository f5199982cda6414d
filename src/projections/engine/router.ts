import { FACT_VERSIONS } from '../../events/upcasters.ts';
import type { RecordedEvent } from '../../log/event-log.ts';
import { LogError } from '../../log/log-error.ts';
import { categoryOf } from '../../log/retention.ts';
import { PoisonError } from '../tables/projection-error.ts';
import type { Progress } from './checkpoints.ts';
import type { ProjectionBatch } from './projection.ts';

/** A projection at work: how far its rows are, and what it gathers for the next transaction. */
export interface Lane {
  readonly progress: Progress;
  batch: ProjectionBatch;
}

/**
 * Hands each event to the one projection that turns its type into rows. A type that nobody knows stops the projections
 * that answer for the stream's category: to skip it would make their rows silently wrong.
 */
export class Router {
  readonly #lanes: readonly Lane[];
  /** `undefined` for types that are known and of no interest here. */
  readonly #byType = new Map<string, Lane | undefined>();

  /** @throws TypeError when two projections claim a type: one of them would be handed an event twice after a restart. */
  constructor(lanes: readonly Lane[]) {
    this.#lanes = lanes;
    for (const type of Object.keys(FACT_VERSIONS)) this.#byType.set(type, undefined);
    for (const lane of lanes) {
      for (const type of lane.progress.projection.types) {
        if (this.#byType.get(type) !== undefined) throw new TypeError(`two projections claim ${type}`);
        this.#byType.set(type, lane);
      }
    }
  }

  /** @throws PoisonError naming a projection that cannot take the event; nobody has taken it then. */
  route(event: RecordedEvent): void {
    const lane = this.#byType.get(event.type);
    if (lane === undefined) {
      if (!this.#byType.has(event.type)) this.#refuseUnknown(event);
      return;
    }
    if (event.position <= lane.progress.position) return;
    try {
      lane.batch.add(event);
    } catch (cause) {
      throw poisonedBy(lane, event, cause);
    }
  }

  #refuseUnknown(event: RecordedEvent): void {
    const category = categoryOf(event.stream);
    for (const lane of this.#lanes) {
      const { projection, position } = lane.progress;
      const isOurs = projection.categories.some((one) => one === category);
      if (event.position <= position || !isOurs) continue;
      throw poisonedBy(
        lane,
        event,
        new LogError('LOG_UNKNOWN_EVENT', `event type ${event.type} is not known here`),
      );
    }
  }
}

function poisonedBy(lane: Lane, event: RecordedEvent, cause: unknown): PoisonError {
  const { name } = lane.progress.projection;
  const where = `before position ${event.position} (${event.type}, stream ${event.stream}, revision ${event.revision})`;
  return new PoisonError(name, where, cause);
}
