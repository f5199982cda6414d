import type { Mailboxes } from '../delivery/mailboxes.ts';
import type { EventLog } from '../log/event-log.ts';
import { decodeFact } from '../log/fact-encoding.ts';
import { type ChannelEvent, type ChannelState, evolveChannel, VACANT_CHANNEL } from './channel-decider.ts';
import type { Route } from './route.ts';

const STREAM_PREFIX = 'channel-';

/**
 * Which channel a number means for a device: a fold over the channel streams, kept current by the channels' own
 * decisions. Numbers are scoped by device (PROTOCOL.md 6): nobody can squat one for others.
 */
export class ChannelDirectory {
  readonly #mailboxes: Mailboxes;
  readonly #routes = new Map<string, Map<number, Route>>();
  /** Channels that name a device which has not joined, oldest first. */
  readonly #listings = new Map<string, Map<number, Set<string>>>();
  readonly #openRooms = new Map<number, string>();
  #channels = 0;

  constructor(mailboxes: Mailboxes) {
    this.#mailboxes = mailboxes;
  }

  get channels(): number {
    return this.#channels;
  }

  route(device: string, number: number): Route | undefined {
    return this.#routes.get(device)?.get(number);
  }

  /** How many channels the device takes part in. */
  channelsOf(device: string): number {
    return this.#routes.get(device)?.size ?? 0;
  }

  /** The channel with this number that named the device first. */
  oldestListing(device: string, number: number): string | undefined {
    for (const key of this.#listings.get(device)?.get(number) ?? []) {
      return key;
    }
    return undefined;
  }

  isListed(device: string, number: number, key: string): boolean {
    return this.#listings.get(device)?.get(number)?.has(key) === true;
  }

  listings(device: string, number: number): ReadonlySet<string> {
    return this.#listings.get(device)?.get(number) ?? new Set();
  }

  openRoom(number: number): string | undefined {
    return this.#openRooms.get(number);
  }

  /** A channel has changed: everybody concerned gets the new route. */
  update(key: string, before: ChannelState, after: ChannelState): void {
    const { number } = after;
    this.#count(before, after);
    if (after.openRoom) {
      this.#updateOpenRoom(key, after);
    }
    for (const device of before.participants.keys()) {
      if (!after.participants.has(device)) {
        remove(this.#routes, device, number, (route) => route.key === key);
      }
    }
    for (const device of before.listed) {
      if (!after.listed.has(device) || after.phase === 'closed') {
        this.#unlist(device, number, key);
      }
    }
    if (after.phase === 'closed') {
      this.#mailboxes.forgetMail(key);
      return;
    }
    const members = [...after.participants.keys()].map((device) => this.#mailboxes.mailbox(device));
    const route: Route = { key, number, openRoom: after.openRoom, mail: this.#mailboxes.mail(key), members };
    for (const device of after.participants.keys()) {
      put(this.#routes, device, number, route);
    }
    for (const device of after.listed) {
      if (!before.listed.has(device)) {
        this.#list(device, number, key);
      }
    }
  }

  /** Reads all channel streams of the log. */
  async restore(log: EventLog): Promise<void> {
    const states = new Map<string, ChannelState>();
    for await (const recorded of log.readAll({ categories: ['channel'] })) {
      const key = recorded.stream.slice(STREAM_PREFIX.length);
      const state = evolveChannel(states.get(key) ?? VACANT_CHANNEL, decodeFact(recorded) as ChannelEvent);
      if (state.phase === 'closed') {
        states.delete(key);
      } else {
        states.set(key, state);
      }
    }
    for (const [key, state] of states) {
      this.update(key, VACANT_CHANNEL, state);
    }
  }

  #count(before: ChannelState, after: ChannelState): void {
    if (before.phase !== 'open' && after.phase === 'open') {
      this.#channels += 1;
    } else if (before.phase === 'open' && after.phase === 'closed') {
      this.#channels -= 1;
    }
  }

  #updateOpenRoom(key: string, after: ChannelState): void {
    if (after.phase === 'open') {
      this.#openRooms.set(after.number, key);
    } else if (this.#openRooms.get(after.number) === key) {
      this.#openRooms.delete(after.number);
    }
  }

  #list(device: string, number: number, key: string): void {
    const keys = this.#listings.get(device)?.get(number) ?? new Set<string>();
    keys.add(key);
    put(this.#listings, device, number, keys);
  }

  #unlist(device: string, number: number, key: string): void {
    const keys = this.#listings.get(device)?.get(number);
    keys?.delete(key);
    remove(this.#listings, device, number, (left) => left.size === 0);
  }
}

type ByDevice<Value> = Map<string, Map<number, Value>>;

function put<Value>(table: ByDevice<Value>, device: string, number: number, value: Value): void {
  let numbers = table.get(device);
  if (numbers === undefined) {
    numbers = new Map();
    table.set(device, numbers);
  }
  numbers.set(number, value);
}

function remove<Value>(
  table: ByDevice<Value>,
  device: string,
  number: number,
  wanted: (value: Value) => boolean,
): void {
  const numbers = table.get(device);
  const value = numbers?.get(number);
  if (numbers !== undefined && value !== undefined && wanted(value)) {
    numbers.delete(number);
    if (numbers.size === 0) {
      table.delete(device);
    }
  }
}
