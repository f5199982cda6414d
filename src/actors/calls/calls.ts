import { createActor } from 'xstate';
import { STREAMS } from '../../events/streams.ts';
import type { EventLog, StreamAppend, StreamName } from '../../log/event-log.ts';
import type { Clock } from '../../ports/ports.ts';
import type { Route } from '../routes/route.ts';
import type { Outcome } from '../runtime/aggregate.ts';
import { Registry } from '../runtime/registry.ts';
import type { SessionJournal } from '../sessions/session-journal.ts';
import {
  type CallCommand,
  type CallEvent,
  type CallRejection,
  type CallState,
  decideCall,
  evolveCall,
} from './call-decider.ts';
import { callMachine } from './call-machine.ts';
import { type CallLimit, type CallLimits, type RunningCall, RunningCalls } from './running-calls.ts';

/**
 * Sends the letter that tells the participants of a decision, with what the decision changes: both get into the log, or
 * neither, and then it rejects. Undefined when nobody is told: the decision is then written alone.
 */
export type CallLetter = (fact: StreamAppend | undefined, ended: boolean) => Promise<void> | undefined;

export interface CallsOptions {
  readonly log: EventLog;
  readonly clock: Clock;
  /** Milliseconds after which an idle call actor is dropped. */
  readonly idleAfter: number;
  /** A call was offered for the first time. */
  readonly offered: () => void;
  readonly settled: (stream: StreamName) => Promise<void> | undefined;
  readonly limits: CallLimits;
  /** Is told which calls run. */
  readonly journal: Pick<SessionJournal, 'callBegins' | 'callIsOver'>;
}

export type CallResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly rejection: CallRejection | CallLimit };

/** Calls whose streams are read together at the start. */
const READ_AT_ONCE = 256;

const isOffer = ({ type }: CallEvent): boolean => type === 'call.offered';

/** Runs the call actors and knows which calls end when a device goes. */
export class Calls {
  readonly #actors: Registry<CallState, CallEvent>;
  readonly #log: EventLog;
  readonly #offered: () => void;
  readonly #running: RunningCalls;
  readonly #journal: CallsOptions['journal'];

  constructor(options: CallsOptions) {
    this.#log = options.log;
    this.#offered = options.offered;
    this.#running = new RunningCalls(options.limits);
    this.#journal = options.journal;
    this.#actors = new Registry({
      log: options.log,
      clock: options.clock,
      idleAfter: options.idleAfter,
      settled: options.settled,
      kind: {
        start: () => createActor(callMachine).start(),
        encode: (event) => STREAMS.call.encode(event),
        decode: (recorded) => STREAMS.call.decode(recorded),
        evolve: evolveCall,
        isOver: ({ phase }) => phase === 'ended',
        devices: ({ participants }) => participants.size,
      },
    });
  }

  /** Calls in which somebody takes part. */
  get running(): number {
    return this.#running.size;
  }

  get actors(): number {
    return this.#actors.size;
  }

  async execute(route: Route, callId: string, command: CallCommand): Promise<CallResult> {
    const stream = STREAMS.call.stream({ channelKey: route.key, callId });
    const limit = this.#limitOf(stream, route, command);
    if (limit !== undefined) return { ok: false, rejection: limit };
    return this.#done(
      stream,
      { callId, route },
      await this.#actors.execute(stream, (state) => decideCall(state, command)),
    );
  }

  /** @throws what the letter rejects with: then the decision is not in the log, either */
  async commit(route: Route, callId: string, command: CallCommand, letter: CallLetter): Promise<CallResult> {
    const stream = STREAMS.call.stream({ channelKey: route.key, callId });
    const limit = this.#limitOf(stream, route, command);
    if (limit !== undefined) return { ok: false, rejection: limit };
    let begins = false;
    try {
      const outcome = await this.#actors.commit(
        stream,
        (state) => decideCall(state, command),
        (fact, { state, events }) => {
          begins = events.some(isOffer);
          if (begins) this.#journal.callBegins(stream);
          return letter(fact, state.phase === 'ended') ?? this.#write(fact);
        },
      );
      return this.#done(stream, { callId, route }, outcome);
    } catch (error) {
      if (begins) this.#journal.callIsOver(stream);
      throw error;
    }
  }

  /**
   * Takes up the calls of these streams that have not ended. What cannot be read now is left for the next start.
   *
   * @param routeOf the route of a channel, looked for among these devices
   */
  async restore(
    streams: readonly StreamName[],
    routeOf: (channelKey: string, devices: Iterable<string>) => Route,
    failed: (error: unknown) => void,
  ): Promise<void> {
    for (let from = 0; from < streams.length; from += READ_AT_ONCE) {
      await Promise.all(
        streams.slice(from, from + READ_AT_ONCE).map(async (stream) => {
          try {
            const state = await this.#actors.state(stream);
            const { channelKey, callId } = STREAMS.call.keyOf(stream);
            this.#note(stream, { callId, route: routeOf(channelKey, state.participants.keys()) }, state);
          } catch (error) {
            failed(error);
          }
        }),
      );
    }
  }

  /** Devices that take part in a call. */
  get devices(): readonly string[] {
    return this.#running.devices;
  }

  /** The calls that the device takes part in. */
  runningOf(device: string): readonly RunningCall[] {
    return this.#running.of(device);
  }

  stop(): void {
    this.#actors.stop();
  }

  async #write(fact: StreamAppend | undefined): Promise<void> {
    if (fact !== undefined) await this.#log.append([fact]);
  }

  #done(
    stream: StreamName,
    call: RunningCall,
    outcome: Outcome<CallState, CallEvent, CallRejection>,
  ): CallResult {
    if (!outcome.ok) return outcome;
    if (outcome.events.some(isOffer)) this.#offered();
    this.#note(stream, call, outcome.state);
    return { ok: true };
  }

  #note(stream: StreamName, call: RunningCall, state: CallState): void {
    if (state.phase === 'none' || state.phase === 'ended') this.#journal.callIsOver(stream);
    if (state.phase !== 'none') this.#running.note(stream, call, state);
  }

  #limitOf(stream: StreamName, route: Route, command: CallCommand): CallLimit | undefined {
    switch (command.type) {
      case 'offer':
        return this.#running.limitOfOffer(command.device, stream, route);
      case 'answer':
        return command.accept ? this.#running.limitOf(command.device, stream) : undefined;
      default:
        return undefined;
    }
  }
}
