import { LIMIT_TABLE } from '../../limits/index.ts';
import type { EventLog, StreamName } from '../../log/event-log.ts';
import type { CancelTimer, Clock } from '../../ports/ports.ts';
import { Aggregate, type AggregateKind, type Commit, type Decision, type Outcome } from './aggregate.ts';
import { SerialQueue } from './serial-queue.ts';

export interface RegistryOptions<State, Event> {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly kind: AggregateKind<State, Event>;
  /** Milliseconds without use after which an actor is dropped; its stream brings it back. */
  readonly idleAfter: number;
  /** Bytes of all states together, roughly; beyond that the least recently used are dropped. @default `actorBytes` of the limits */
  readonly maxBytes?: number;
  /**
   * For streams whose facts letters carry: undefined when a stream holds all that was decided about it, otherwise resolves
   * when it does.
   */
  readonly settled?: (stream: StreamName) => Promise<void> | undefined;
}

/** What an actor takes in memory, and what each device that its state names does, roughly. */
const ACTOR_BYTES = 4096;
const DEVICE_BYTES = 160;

const ALWAYS_SETTLED = (): undefined => undefined;

/** Commands of one actor that are decided together. */
const MOST_TOGETHER = 256;

interface Command<State, Event> {
  readonly decide: (state: State) => Decision<Event, unknown>;
  readonly done: (outcome: Outcome<State, Event, unknown> | undefined) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * The root actors of one kind, by stream: built lazily, one command after the other for each; dropped when nothing can
 * happen in them any more, when idle, and when all together are too large.
 */
export class Registry<State, Event> {
  readonly #options: RegistryOptions<State, Event>;
  /** The least recently used first. */
  readonly #aggregates = new Map<StreamName, Aggregate<State, Event>>();
  #bytes = 0;
  readonly #queue = new SerialQueue<StreamName>();
  /** Commands that came while an earlier one was being written: the next append takes all of them. */
  readonly #waiting = new Map<StreamName, Command<State, Event>[]>();
  #sweep: CancelTimer | undefined;

  constructor(options: RegistryOptions<State, Event>) {
    this.#options = options;
  }

  get size(): number {
    return this.#aggregates.size;
  }

  state(stream: StreamName): Promise<State> {
    return this.#queue.run(stream, () => this.#with(stream, (aggregate) => aggregate.state()));
  }

  execute<Rejection>(
    stream: StreamName,
    decide: (state: State) => Decision<Event, Rejection>,
  ): Promise<Outcome<State, Event, Rejection>> {
    return new Promise((resolve, reject) => {
      const command: Command<State, Event> = {
        decide,
        // What comes back is what `decide` said.
        done: (outcome) => resolve(outcome as Outcome<State, Event, Rejection>),
        failed: reject,
      };
      const waiting = this.#waiting.get(stream);
      if (waiting !== undefined && waiting.length < MOST_TOGETHER) {
        waiting.push(command);
        return;
      }
      const together = [command];
      this.#waiting.set(stream, together);
      void this.#queue.run(stream, () => this.#executeAll(stream, together));
    });
  }

  /** Decides, and lets `commit` write it; nothing has happened when that rejects. Commands that come later are decided upon it. */
  commit<Rejection>(
    stream: StreamName,
    decide: (state: State) => Decision<Event, Rejection>,
    commit: Commit<State, Event>,
  ): Promise<Outcome<State, Event, Rejection>> {
    this.#waiting.delete(stream);
    return this.#queue.run(stream, () => this.#with(stream, (aggregate) => aggregate.commit(decide, commit)));
  }

  stop(): void {
    this.#sweep?.();
    for (const aggregate of this.#aggregates.values()) aggregate.stop();
    this.#aggregates.clear();
    this.#bytes = 0;
  }

  /** One use of an actor, in the turn of its stream. */
  async #with<Result>(
    stream: StreamName,
    use: (aggregate: Aggregate<State, Event>) => Promise<Result>,
  ): Promise<Result> {
    const aggregate = this.#aggregate(stream);
    try {
      return await use(aggregate);
    } finally {
      this.#weigh(stream, aggregate);
    }
  }

  #weigh(stream: StreamName, aggregate: Aggregate<State, Event>): void {
    const { kind, maxBytes = LIMIT_TABLE.actorBytes.value } = this.#options;
    if (this.#aggregates.get(stream) !== aggregate) return;
    const state = aggregate.known;
    if (state === undefined || kind.isOver(state)) {
      this.#drop(stream, aggregate);
      return;
    }
    const bytes = ACTOR_BYTES + kind.devices(state) * DEVICE_BYTES;
    this.#bytes += bytes - aggregate.bytes;
    aggregate.bytes = bytes;
    if (this.#bytes > maxBytes) this.#dropOldest(maxBytes);
  }

  #dropOldest(maxBytes: number): void {
    for (const [stream, aggregate] of this.#aggregates) {
      if (this.#bytes <= maxBytes) return;
      if (!this.#queue.isBusy(stream)) this.#drop(stream, aggregate);
    }
  }

  #drop(stream: StreamName, aggregate: Aggregate<State, Event>): void {
    aggregate.stop();
    this.#aggregates.delete(stream);
    this.#bytes -= aggregate.bytes;
  }

  async #executeAll(stream: StreamName, commands: readonly Command<State, Event>[]): Promise<void> {
    if (this.#waiting.get(stream) === commands) this.#waiting.delete(stream);
    try {
      const decisions = commands.map(({ decide }) => decide);
      const outcomes = await this.#with(stream, (aggregate) => aggregate.execute(decisions));
      for (const [index, { done }] of commands.entries()) done(outcomes[index]);
    } catch (error) {
      for (const { failed } of commands) failed(error);
    }
  }

  #aggregate(stream: StreamName): Aggregate<State, Event> {
    let aggregate = this.#aggregates.get(stream);
    if (aggregate === undefined) {
      const { kind, log, settled = ALWAYS_SETTLED } = this.#options;
      aggregate = new Aggregate(stream, kind, log, settled);
      this.#sweep ??= this.#options.clock.after(this.#options.idleAfter, () => this.#dropIdle());
    }
    this.#aggregates.delete(stream);
    this.#aggregates.set(stream, aggregate);
    aggregate.usedAt = this.#options.clock.monotonic();
    return aggregate;
  }

  #dropIdle(): void {
    this.#sweep = undefined;
    const before = this.#options.clock.monotonic() - this.#options.idleAfter;
    for (const [stream, aggregate] of this.#aggregates) {
      // One that waits for a slow disk is in use, however long ago that began.
      if (aggregate.usedAt < before && !this.#queue.isBusy(stream)) this.#drop(stream, aggregate);
    }
    if (this.#aggregates.size > 0) {
      this.#sweep = this.#options.clock.after(this.#options.idleAfter, () => this.#dropIdle());
    }
  }
}
