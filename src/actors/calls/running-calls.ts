import type { CountedLimit } from '../../limits/index.ts';
import type { Route } from '../routes/route.ts';
import type { CallState } from './call-decider.ts';

/** How many calls may run at a time. */
export interface CallLimits {
  /** That one device has offered or accepted. */
  readonly perDevice: number;
  readonly perChannel: number;
  /** Participants of all calls: each of them is named in the state of its call. */
  readonly participants: number;
}

/** The limit that one more call would exceed. */
export type CallLimit = Extract<CountedLimit, 'callsPerDevice' | 'callsPerChannel' | 'callParticipants'>;

/** A call in which somebody takes part. */
export interface RunningCall {
  readonly callId: string;
  readonly route: Route;
}

interface Counted extends RunningCall {
  readonly participants: number;
}

/** The calls that run: what each device loses when it disconnects, and how many more there may be. */
export class RunningCalls {
  readonly #limits: CallLimits;
  readonly #calls = new Map<string, Counted>();
  /** By device that has accepted, and stream of the call. */
  readonly #ofDevice = new Map<string, Set<string>>();
  /** By key of the channel. */
  readonly #ofChannel = new Map<string, number>();
  #participants = 0;

  constructor(limits: CallLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** The calls that the device takes part in. */
  of(device: string): readonly RunningCall[] {
    return [...(this.#ofDevice.get(device) ?? [])].flatMap((stream) => this.#calls.get(stream) ?? []);
  }

  /** Devices that take part in a call. */
  get devices(): readonly string[] {
    return [...this.#ofDevice.keys()];
  }

  /** Why the device may not be in this call as well. One that it is in already is none more. */
  limitOf(device: string, stream: string): CallLimit | undefined {
    const calls = this.#ofDevice.get(device);
    return calls === undefined || calls.has(stream) || calls.size < this.#limits.perDevice
      ? undefined
      : 'callsPerDevice';
  }

  /** Why this call may not begin. One that runs already is none more. */
  limitOfOffer(device: string, stream: string, { key, members }: Route): CallLimit | undefined {
    if (this.#calls.has(stream)) return undefined;
    if ((this.#ofChannel.get(key) ?? 0) >= this.#limits.perChannel) return 'callsPerChannel';
    return this.#participants + members.length > this.#limits.participants
      ? 'callParticipants'
      : this.limitOf(device, stream);
  }

  /** What has become of a call. */
  note(stream: string, call: RunningCall, state: CallState): void {
    if (state.phase === 'ended') {
      this.#end(stream, state);
      return;
    }
    if (!this.#calls.has(stream)) this.#begin(stream, { ...call, participants: state.participants.size });
    for (const [device, standing] of state.participants) {
      if (standing === 'accepted') {
        this.#enter(device, stream);
      } else {
        this.#leave(device, stream);
      }
    }
  }

  #begin(stream: string, call: Counted): void {
    const { key } = call.route;
    this.#calls.set(stream, call);
    this.#participants += call.participants;
    this.#ofChannel.set(key, (this.#ofChannel.get(key) ?? 0) + 1);
  }

  #end(stream: string, state: CallState): void {
    const call = this.#calls.get(stream);
    if (call === undefined) return;
    this.#calls.delete(stream);
    this.#participants -= call.participants;
    const { key } = call.route;
    const left = (this.#ofChannel.get(key) ?? 1) - 1;
    if (left > 0) {
      this.#ofChannel.set(key, left);
    } else {
      this.#ofChannel.delete(key);
    }
    for (const device of state.participants.keys()) this.#leave(device, stream);
  }

  #enter(device: string, stream: string): void {
    const calls = this.#ofDevice.get(device);
    if (calls === undefined) {
      this.#ofDevice.set(device, new Set([stream]));
    } else {
      calls.add(stream);
    }
  }

  #leave(device: string, stream: string): void {
    const calls = this.#ofDevice.get(device);
    calls?.delete(stream);
    if (calls?.size === 0) this.#ofDevice.delete(device);
  }
}
