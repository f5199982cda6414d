import type { Mailboxes } from '../delivery/mailboxes.ts';
import type { EventLog } from '../log/event-log.ts';
import { decodeFact } from '../log/fact-encoding.ts';
import type { ChannelEvent } from './channel-decider.ts';
import { ChannelRoute } from './route.ts';
import type { RouteTable } from './route-table.ts';

const STREAM_PREFIX = 'channel-';
const NO_LISTINGS: ReadonlySet<string> = new Set();

interface OpenChannel {
  readonly route: ChannelRoute;
  /** Devices that it names and that have not joined, with who has named each. */
  readonly listed: Map<string, string>;
}

/**
 * The channels that are open and whom they name: a fold over the channel streams in the order of the log, kept current
 * by the channels' own decisions. Each event costs what it changes, however many members a channel has.
 */
export class ChannelDirectory {
  readonly #mailboxes: Mailboxes;
  readonly #routes: RouteTable;
  readonly #channels = new Map<string, OpenChannel>();
  /** By device and number: channels that name a device which has not joined, in the order in which they did. */
  readonly #listings = new Map<string, Map<number, Set<string>>>();
  /** How many devices a device has named that have not joined. */
  readonly #named = new Map<string, number>();
  readonly #openRooms = new Map<number, string>();

  constructor(mailboxes: Mailboxes, routes: RouteTable) {
    this.#mailboxes = mailboxes;
    this.#routes = routes;
  }

  get channels(): number {
    return this.#channels.size;
  }

  /** The channel with this number that named the device first. */
  oldestListing(device: string, number: number): string | undefined {
    for (const key of this.listings(device, number)) {
      return key;
    }
    return undefined;
  }

  isListed(device: string, number: number, key: string): boolean {
    return this.listings(device, number).has(key);
  }

  listings(device: string, number: number): ReadonlySet<string> {
    return this.#listings.get(device)?.get(number) ?? NO_LISTINGS;
  }

  /** How many devices this one has named, over all channels, that have not joined. */
  namedBy(device: string): number {
    return this.#named.get(device) ?? 0;
  }

  openRoom(number: number): string | undefined {
    return this.#openRooms.get(number);
  }

  /** A channel has changed: everybody concerned finds it under its number, or does not any more. */
  apply(key: string, event: ChannelEvent): void {
    if (event.type === 'channel.opened') {
      this.#open(key, event.number, event.open);
    }
    const channel = this.#channels.get(key);
    if (channel === undefined) {
      return;
    }
    switch (event.type) {
      case 'channel.opened':
        this.#enter(channel, event.creator);
        this.#name(channel, event, event.creator);
        break;
      case 'channel.devices_listed':
        this.#name(channel, event, event.by);
        break;
      case 'channel.joined':
        this.#enter(channel, event.device);
        break;
      case 'channel.left':
        this.#leave(channel, event.device);
        break;
      default:
        event satisfies never;
    }
  }

  /** Reads all channel streams of the log. */
  async restore(log: EventLog): Promise<void> {
    for await (const recorded of log.readAll({ categories: ['channel'] })) {
      this.apply(recorded.stream.slice(STREAM_PREFIX.length), decodeFact(recorded) as ChannelEvent);
    }
  }

  #open(key: string, number: number, openRoom: boolean): void {
    const mail = this.#mailboxes.mail(key);
    const route = new ChannelRoute({ key, number, openRoom, group: undefined, mail });
    this.#channels.set(key, { route, listed: new Map() });
    if (openRoom) {
      this.#openRooms.set(number, key);
    }
  }

  #name(
    channel: OpenChannel,
    named: { readonly listed: readonly string[]; readonly admitted: readonly string[] },
    by: string,
  ): void {
    for (const device of named.listed) {
      this.#list(channel, device, by);
    }
    for (const device of named.admitted) {
      this.#enter(channel, device);
    }
  }

  #enter(channel: OpenChannel, device: string): void {
    this.#unlist(channel, device);
    this.#routes.enter(channel.route, device);
  }

  #leave(channel: OpenChannel, device: string): void {
    const { route, listed } = channel;
    this.#unlist(channel, device);
    this.#routes.leave(route, device);
    if (route.size > 0) {
      return;
    }
    for (const other of listed.keys()) {
      this.#unlist(channel, other);
    }
    this.#channels.delete(route.key);
    if (this.#openRooms.get(route.number) === route.key) {
      this.#openRooms.delete(route.number);
    }
    this.#mailboxes.forgetMail(route.key);
  }

  #list({ route, listed }: OpenChannel, device: string, by: string): void {
    if (!listed.has(device)) {
      listed.set(device, by);
      this.#named.set(by, this.namedBy(by) + 1);
    }
    let numbers = this.#listings.get(device);
    if (numbers === undefined) {
      numbers = new Map();
      this.#listings.set(device, numbers);
    }
    const keys = numbers.get(route.number) ?? new Set<string>();
    numbers.set(route.number, keys.add(route.key));
  }

  #unlist({ route, listed }: OpenChannel, device: string): void {
    const by = listed.get(device);
    if (by === undefined) {
      return;
    }
    listed.delete(device);
    const left = this.namedBy(by) - 1;
    if (left > 0) {
      this.#named.set(by, left);
    } else {
      this.#named.delete(by);
    }
    const numbers = this.#listings.get(device);
    const keys = numbers?.get(route.number);
    keys?.delete(route.key);
    if (keys?.size === 0) {
      numbers?.delete(route.number);
    }
    if (numbers?.size === 0) {
      this.#listings.delete(device);
    }
  }
}
