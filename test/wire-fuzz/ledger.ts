import { FRAME, frameTypeOf } from '../../src/protocol/frames/frame-types.ts';
import type { Judge } from './broken-promise.ts';
import { bodyOf, type Dispatch, type Fate } from './dispatch.ts';
import type { Room } from './room.ts';

/** What a device wants to send. */
export interface Draft {
  readonly sender: string;
  readonly room: Room;
  readonly type: number;
  readonly fields: object;
  readonly size: number;
  readonly sequence: number;
  readonly resumable: boolean;
  /** Devices that get it although they take no part: the invited. */
  readonly named?: readonly string[];
  readonly removes?: string;
}

/** Every durable frame of a run, and what the wire has told of it. It knows nothing of the inside of the server. */
export class Ledger {
  readonly judge: Judge;
  readonly #now: () => number;
  readonly #dispatches = new Map<string, Dispatch>();
  readonly #places = new Map<string, number>();
  /** `id device` of the CALL_ENDs that the server posts for a device that was lost. */
  readonly #hangUps = new Set<string>();

  constructor(judge: Judge, now: () => number) {
    this.judge = judge;
    this.#now = now;
  }

  get dispatches(): Iterable<Dispatch> {
    return this.#dispatches.values();
  }

  get size(): number {
    return this.#dispatches.size;
  }

  get(id: string): Dispatch | undefined {
    return this.#dispatches.get(id);
  }

  /** A frame leaves a device for the first time. */
  write(draft: Draft): Dispatch {
    const { sender, room, type, fields, size, sequence, resumable, named = [], removes } = draft;
    const place = (this.#places.get(sender) ?? 0) + 1;
    this.#places.set(sender, place);
    const id = `${sender}#${place}`;
    const sure = new Set([...room.participants, ...named.filter((device) => !room.isLeaving(device))]);
    sure.delete(sender);
    const outsiders = new Set(room.outsiders);
    for (const device of [sender, ...named, ...(removes === undefined ? [] : [removes])]) {
      outsiders.delete(device);
    }
    const dispatch: Dispatch = {
      id,
      sender,
      place,
      room,
      type,
      body: bodyOf(type, id, fields, size),
      sequence,
      sentAt: this.#now(),
      sure,
      outsiders,
      removes,
      resumable,
      lost: false,
      arrivals: new Set(),
      attempts: 0,
      fate: { is: 'open' },
    };
    this.#dispatches.set(id, dispatch);
    room.follow(dispatch);
    if (removes !== undefined) room.leaveSent(removes, dispatch);
    return dispatch;
  }

  /** Its fate is known. Whoever repeats it may be told again, and of nothing else. */
  settle(dispatch: Dispatch, fate: Fate): void {
    dispatch.fate = fate;
    if (fate.is === 'unknown') {
      // The server may still be at it.
      dispatch.lost = true;
      return;
    }
    const { room, sender, removes, type } = dispatch;
    const accepted = fate.is !== 'refused';
    room.settled(dispatch);
    if (removes !== undefined) room.leaveAnswered(removes, dispatch, accepted);
    if (type === FRAME.GROUP_CREATE) room.created(sender, dispatch, accepted);
  }

  /**
   * A frame has come to a device.
   *
   * @returns whether it came to this device for the first time
   */
  arrived(device: string, type: number, channel: number, id: string, text: string): boolean {
    const dispatch = this.#dispatches.get(id);
    if (dispatch === undefined) {
      this.judge.demand(false, 'stranger', () => `${device} gets ${id}, which nobody has sent`);
      return true;
    }
    const isSame = dispatch.type === type && dispatch.room.number === channel && dispatch.body === text;
    this.judge.demand(isSame, 'session', () => `${describe(dispatch)} comes to ${device} changed`);
    const isStranger = device === dispatch.sender || dispatch.outsiders.has(device);
    this.judge.demand(!isStranger, 'stranger', () => `${describe(dispatch)} comes to ${device}`);
    const isFirst = !dispatch.arrivals.has(device);
    dispatch.arrivals.add(device);
    return isFirst;
  }

  /** The server has hung up for somebody. */
  hungUp(device: string, text: string): void {
    const { call_id: call, metadata } = JSON.parse(text) as {
      readonly call_id: string;
      readonly metadata?: { readonly system?: boolean; readonly device?: string };
    };
    this.judge.demand(
      metadata?.system === true,
      'session',
      () => `${device} gets a frame of nobody: ${text}`,
    );
    const key = `${call} ${metadata?.device} to ${device}`;
    this.judge.demand(!this.#hangUps.has(key), 'doubled', () => `the end of ${key} comes twice`);
    this.#hangUps.add(key);
  }
}

/** A frame, for whoever reads a report. */
export function describe({ id, type, room, sequence, fate }: Dispatch): string {
  return `${frameTypeOf(type)?.name ?? type} ${id} (sequence ${sequence}, channel ${room.number}, ${JSON.stringify(fate)})`;
}
