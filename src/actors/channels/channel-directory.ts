import type { Mailboxes } from '../../delivery/mailboxes/mailboxes.ts';
import { STREAMS } from '../../events/streams.ts';
import type { EventLog } from '../../log/event-log.ts';
import { ChannelRoute } from '../routes/route.ts';
import type { RouteTable } from '../routes/route-table.ts';
import type { ChannelEvent } from './channel-decider.ts';

/** What a listing takes in memory beyond the device's id: two entries of maps. */
const LISTING_OVERHEAD = 96;
const NOTHING = { count: 0, bytes: 0 } as const;

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
  /**
   * By number and device: the channels that name a device which has not joined, in the order in which they did. There may be
   * hundreds of thousands, nearly all of them of one channel: that one's key is kept without a set around it.
   */
  readonly #listings = new Map<number, Map<string, string | Set<string>>>();
  #listingBytes = 0;
  /** What each device has named that has not joined. */
  readonly #named = new Map<string, { count: number; bytes: number }>();
  readonly #openRooms = new Map<number, string>();

  constructor(mailboxes: Mailboxes, routes: RouteTable) {
    this.#mailboxes = mailboxes;
    this.#routes = routes;
  }

  get channels(): number {
    return this.#channels.size;
  }

  /** Whether this is the stream of a channel that was closed, and so is over: a key is never given to another channel. */
  isOver(stream: string): boolean {
    return STREAMS.channel.has(stream) && !this.#channels.has(STREAMS.channel.keyOf(stream));
  }

  /** What all listings take in memory, roughly. */
  get listingBytes(): number {
    return this.#listingBytes;
  }

  /** What one more listing would take. */
  static listingCost(device: string): number {
    return device.length + LISTING_OVERHEAD;
  }

  /** The channel with this number that named the device first. */
  oldestListing(device: string, number: number): string | undefined {
    return this.listings(device, number)[0];
  }

  isListed(device: string, number: number, key: string): boolean {
    const keys = this.#listings.get(number)?.get(device);
    return typeof keys === 'string' ? keys === key : keys?.has(key) === true;
  }

  listings(device: string, number: number): readonly string[] {
    const keys = this.#listings.get(number)?.get(device);
    return keys === undefined ? [] : typeof keys === 'string' ? [keys] : [...keys];
  }

  /** How many devices this one has named, over all channels, that have not joined, and what they take in memory. */
  namedBy(device: string): { readonly count: number; readonly bytes: number } {
    return this.#named.get(device) ?? NOTHING;
  }

  openRoom(number: number): string | undefined {
    return this.#openRooms.get(number);
  }

  /** A channel has changed: everybody concerned finds it under its number, or does not any more. */
  apply(key: string, event: ChannelEvent): void {
    if (event.type === 'channel.opened') this.#open(key, event.number, event.open);
    const channel = this.#channels.get(key);
    if (channel === undefined) return;
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
    for await (const recorded of log.readAll({ categories: [STREAMS.channel.category] })) {
      this.apply(STREAMS.channel.keyOf(recorded.stream), STREAMS.channel.decode(recorded));
    }
  }

  #open(key: string, number: number, openRoom: boolean): void {
    const mail = this.#mailboxes.mail(key);
    const route = new ChannelRoute({ key, number, openRoom, group: undefined, mail });
    this.#channels.set(key, { route, listed: new Map() });
    if (openRoom) this.#openRooms.set(number, key);
  }

  #name(
    channel: OpenChannel,
    named: { readonly listed: readonly string[]; readonly admitted: readonly string[] },
    by: string,
  ): void {
    for (const device of named.listed) this.#list(channel, device, by);
    for (const device of named.admitted) this.#enter(channel, device);
  }

  #enter(channel: OpenChannel, device: string): void {
    this.#unlist(channel, device);
    this.#routes.enter(channel.route, device);
  }

  #leave(channel: OpenChannel, device: string): void {
    const { route, listed } = channel;
    this.#unlist(channel, device);
    this.#routes.leave(route, device);
    if (route.size > 0) return;
    for (const other of listed.keys()) this.#unlist(channel, other);
    this.#channels.delete(route.key);
    if (this.#openRooms.get(route.number) === route.key) this.#openRooms.delete(route.number);
    this.#mailboxes.forgetMail(route.key);
  }

  #list({ route, listed }: OpenChannel, device: string, by: string): void {
    if (listed.has(device)) return;
    listed.set(device, by);
    this.#count(by, device, 1);
    const { key, number } = route;
    let devices = this.#listings.get(number);
    if (devices === undefined) {
      devices = new Map();
      this.#listings.set(number, devices);
    }
    const keys = devices.get(device);
    if (keys === undefined) {
      devices.set(device, key);
    } else if (typeof keys === 'string') {
      devices.set(device, new Set([keys, key]));
    } else {
      keys.add(key);
    }
  }

  #unlist({ route, listed }: OpenChannel, device: string): void {
    const by = listed.get(device);
    if (by === undefined) return;
    listed.delete(device);
    this.#count(by, device, -1);
    const devices = this.#listings.get(route.number);
    const keys = devices?.get(device);
    if (keys instanceof Set) keys.delete(route.key);
    if (typeof keys === 'string' || keys?.size === 0) devices?.delete(device);
    if (devices?.size === 0) this.#listings.delete(route.number);
  }

  #count(by: string, device: string, one: 1 | -1): void {
    const named = this.#named.get(by) ?? { count: 0, bytes: 0 };
    const bytes = one * ChannelDirectory.listingCost(device);
    named.count += one;
    named.bytes += bytes;
    this.#listingBytes += bytes;
    if (named.count > 0) {
      this.#named.set(by, named);
    } else {
      this.#named.delete(by);
    }
  }
}
