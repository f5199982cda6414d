import type { EventLog, NewEvent, RecordedEvent, StreamAppend, StreamName } from '../../log/event-log.ts';
import { LogError } from '../../log/log-error.ts';

/** What a decision says: events to append, or why not. */
export type Decision<Event, Rejection> =
  | { readonly ok: true; readonly events: readonly Event[] }
  | { readonly ok: false; readonly rejection: Rejection };

export type Outcome<State, Event, Rejection> =
  | { readonly ok: true; readonly state: State; readonly events: readonly Event[] }
  | { readonly ok: false; readonly rejection: Rejection };

/** The XState actor behind an aggregate: its context holds the folded state. */
export interface FoldingActor<State, Event> {
  send(event: { readonly type: 'EVOLVED'; readonly events: readonly Event[] }): void;
  getSnapshot(): { readonly context: { readonly state: State } };
  stop(): unknown;
}

export interface AggregateKind<State, Event> {
  readonly start: () => FoldingActor<State, Event>;
  readonly encode: (event: Event) => NewEvent;
  readonly decode: (recorded: RecordedEvent) => Event;
  readonly evolve: (state: State, event: Event) => State;
  /** Whether nothing can happen any more. */
  readonly isOver: (state: State) => boolean;
  /** How many devices the state names, which is what it takes in memory. */
  readonly devices: (state: State) => number;
}

/**
 * Writes what was decided, together with a letter, or not at all. Called in the turn of the decision; resolves when it is
 * durable, and rejects when nothing was written.
 *
 * @param fact undefined when the decision changes nothing
 */
export type Commit<State, Event> = (
  fact: StreamAppend | undefined,
  decided: { readonly state: State; readonly events: readonly Event[] },
) => Promise<void>;

const MOST_CONFLICTS = 8;

/**
 * One event-sourced actor: decide, append (durable), evolve. Its stream is the truth; the actor is rebuilt from it on
 * first use and whenever somebody else appended first. Calls must not overlap: the registry sees to that, and hands over
 * together what waited meanwhile.
 */
export class Aggregate<State, Event> {
  readonly stream: StreamName;
  readonly #kind: AggregateKind<State, Event>;
  readonly #log: EventLog;
  readonly #settled: (stream: StreamName) => Promise<void> | undefined;
  #actor: FoldingActor<State, Event> | undefined;
  #revision = -1;
  /** Monotonic milliseconds of the last use, and bytes of memory as of then, for the registry. */
  usedAt = 0;
  bytes = 0;

  /** @param settled undefined when the stream holds all that was decided about it; otherwise resolves when it does */
  constructor(
    stream: StreamName,
    kind: AggregateKind<State, Event>,
    log: EventLog,
    settled: (stream: StreamName) => Promise<void> | undefined,
  ) {
    this.stream = stream;
    this.#kind = kind;
    this.#log = log;
    this.#settled = settled;
  }

  /** The state if it is in memory. */
  get known(): State | undefined {
    return this.#actor?.getSnapshot().context.state;
  }

  /** The state as of the last event that this process has seen; folds the stream on first use. */
  async state(): Promise<State> {
    return (await this.#loaded()).getSnapshot().context.state;
  }

  /** Decides in turn, each upon what the ones before have decided, and writes all of it in one append. */
  async execute<Rejection>(
    decisions: readonly ((state: State) => Decision<Event, Rejection>)[],
  ): Promise<readonly Outcome<State, Event, Rejection>[]> {
    for (let attempt = 0; ; attempt += 1) {
      const actor = await this.#loaded();
      const outcomes = this.#decide(actor.getSnapshot().context.state, decisions);
      const events = outcomes.flatMap((outcome) => (outcome.ok ? outcome.events : []));
      if (events.length === 0) return outcomes;
      try {
        await this.#append(events);
      } catch (error) {
        const conflict = error instanceof LogError && error.code === 'LOG_WRONG_REVISION';
        if (!conflict || attempt >= MOST_CONFLICTS) throw error;
        this.#unload();
        continue;
      }
      actor.send({ type: 'EVOLVED', events });
      return outcomes;
    }
  }

  /** Decides, and lets `commit` write it. When that rejects, nothing has happened. */
  async commit<Rejection>(
    decide: (state: State) => Decision<Event, Rejection>,
    commit: Commit<State, Event>,
  ): Promise<Outcome<State, Event, Rejection>> {
    const actor = await this.#loaded();
    const outcome = this.#decideOne(actor.getSnapshot().context.state, decide);
    if (!outcome.ok) return outcome;
    const { events } = outcome;
    await commit(events.length === 0 ? undefined : this.#fact(events), outcome);
    if (events.length > 0) {
      this.#revision += events.length;
      actor.send({ type: 'EVOLVED', events });
    }
    return outcome;
  }

  stop(): void {
    this.#unload();
  }

  #decide<Rejection>(
    before: State,
    decisions: readonly ((state: State) => Decision<Event, Rejection>)[],
  ): readonly Outcome<State, Event, Rejection>[] {
    let state = before;
    return decisions.map((decide) => {
      const outcome = this.#decideOne(state, decide);
      if (outcome.ok) state = outcome.state;
      return outcome;
    });
  }

  #decideOne<Rejection>(
    before: State,
    decide: (state: State) => Decision<Event, Rejection>,
  ): Outcome<State, Event, Rejection> {
    const decision = decide(before);
    if (!decision.ok) return decision;
    const { events } = decision;
    return { ok: true, state: events.reduce(this.#kind.evolve, before), events };
  }

  async #append(events: readonly Event[]): Promise<void> {
    const [appended] = await this.#log.append([this.#fact(events)]);
    this.#revision = appended?.revision ?? this.#revision + events.length;
  }

  #fact(events: readonly Event[]): StreamAppend {
    const expected = this.#revision < 0 ? 'no-stream' : this.#revision;
    return { stream: this.stream, expected, events: events.map(this.#kind.encode) };
  }

  async #loaded(): Promise<FoldingActor<State, Event>> {
    await this.#settled(this.stream);
    if (this.#actor !== undefined) return this.#actor;
    const events: Event[] = [];
    let revision = -1;
    for await (const recorded of this.#log.readStream(this.stream)) {
      events.push(this.#kind.decode(recorded));
      revision = recorded.revision;
    }
    const actor = this.#kind.start();
    if (events.length > 0) actor.send({ type: 'EVOLVED', events });
    this.#actor = actor;
    this.#revision = revision;
    return actor;
  }

  #unload(): void {
    this.#actor?.stop();
    this.#actor = undefined;
    this.#revision = -1;
  }
}
