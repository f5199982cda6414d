import { createActor } from 'xstate';
import { STREAMS } from '../../events/streams.ts';
import type { EventLog } from '../../log/event-log.ts';
import type { Clock, Random } from '../../ports/ports.ts';
import { toHex } from '../../protocol/bytes.ts';
import type { RouteTable } from '../routes/route-table.ts';
import type { Outcome } from '../runtime/aggregate.ts';
import { Registry } from '../runtime/registry.ts';
import { SerialQueue } from '../runtime/serial-queue.ts';
import {
  type ChannelCommand,
  type ChannelEvent,
  type ChannelRejection,
  type ChannelState,
  decideChannel,
  evolveChannel,
  type Named,
} from './channel-decider.ts';
import { ChannelDirectory } from './channel-directory.ts';
import { channelMachine } from './channel-machine.ts';
import type { NumberTurns } from './number-turns.ts';

/** Bytes of a channel's key. */
const KEY_BYTES = 16;

export type Reach = 'joined' | 'friends' | 'anyone';
export type OpenRooms = 'never' | 'compat' | 'always';

export interface ChannelPolicy {
  /** Whom a JOIN may put into a channel at once, without a JOIN of their own. */
  readonly reach: Reach;
  /** Who may open and join a room that anybody can enter. */
  readonly openRooms: OpenRooms;
  readonly channelsPerDevice: number;
  readonly membersPerChannel: number;
  /** Devices that one device may have named and that have not joined, over all channels. */
  readonly listingsPerDevice: number;
  /** Memory of all such names together. */
  readonly listingBytes: number;
  /** Milliseconds after which an idle channel actor is dropped. */
  readonly idleAfter: number;
}

export interface ChannelsOptions {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly directory: ChannelDirectory;
  readonly routes: RouteTable;
  readonly numbers: NumberTurns;
  readonly policy: ChannelPolicy;
  /** The user of a registered device, `undefined` for an unknown one. */
  readonly userOf: (device: string) => Promise<string | undefined>;
  /** LEAVE on the number of a group. */
  readonly pauseGroup: (device: string, group: string) => Promise<void>;
}

export interface JoinRequest {
  readonly device: string;
  readonly user: string;
  readonly number: number;
  /** Devices that the JOIN names, the sender possibly among them. */
  readonly members: readonly string[];
  readonly relay: boolean;
  readonly plaintext: boolean;
}

export type ListingRefusal = 'too_many_listings' | 'too_many_listings_in_all';

export type JoinRefusal = ChannelRejection | 'too_many_channels' | ListingRefusal | 'channel_of_group';

export type JoinResult = { readonly ok: true } | { readonly ok: false; readonly refusal: JoinRefusal };

type Change = Outcome<ChannelState, ChannelEvent, ChannelRejection>;

/** A channel that changes this often while a device is on its way into it is given up. */
const MOST_ATTEMPTS = 4;

const JOINED: JoinResult = { ok: true };
/** One device may fill this part of the room that is left: nobody can take what others need for a few names. */
const LARGEST_PART = 1 / 4;

/** Opens, joins and leaves channels: the rules of PROTOCOL.md 6 over the channel actors. */
export class Channels {
  readonly #options: ChannelsOptions;
  readonly #actors: Registry<ChannelState, ChannelEvent>;
  /** Who comes first on a number opens the channel, and who comes next finds it. */
  readonly #openings = new SerialQueue<number>();

  constructor(options: ChannelsOptions) {
    this.#options = options;
    this.#actors = new Registry({
      log: options.log,
      clock: options.clock,
      idleAfter: options.policy.idleAfter,
      kind: {
        start: () => createActor(channelMachine).start(),
        encode: (event) => STREAMS.channel.encode(event),
        decode: (recorded) => STREAMS.channel.decode(recorded),
        evolve: evolveChannel,
        isOver: ({ phase }) => phase === 'closed',
        devices: ({ participants, listed }) => participants.size + listed.size,
      },
    });
  }

  get actors(): number {
    return this.#actors.size;
  }

  /** True when a JOIN would change nothing: the common case after a reconnect, answered without the log. */
  isMember(request: JoinRequest): boolean {
    const { directory, policy, routes } = this.#options;
    const { device, number } = request;
    const route = routes.get(device, number);
    // Elsewhere a route does not tell whether the device has consented itself.
    if (route === undefined || policy.reach !== 'joined') return false;
    return request.members.every(
      (member) => routes.takesPart(member, route) || directory.isListed(member, number, route.key),
    );
  }

  join(request: JoinRequest): Promise<JoinResult> {
    return this.#options.numbers.run(request.device, request.number, () => this.#join(request));
  }

  /** Takes the device out of its channel of this number; a device that is only listed there is not listed any more. */
  leave(device: string, number: number): Promise<void> {
    return this.#options.numbers.run(device, number, async () => {
      const { directory, routes, pauseGroup } = this.#options;
      const route = routes.get(device, number);
      if (route?.group !== undefined) return pauseGroup(device, route.group);
      const keys = route === undefined ? [...directory.listings(device, number)] : [route.key];
      for (const key of keys) await this.#execute(key, { type: 'leave', device });
    });
  }

  stop(): void {
    this.#actors.stop();
  }

  async #join(request: JoinRequest): Promise<JoinResult> {
    const others = [...new Set(request.members)].filter((member) => member !== request.device);
    for (let attempt = 1; ; attempt += 1) {
      const choice = await this.#openings.run(request.number, () => this.#choose(request, others));
      // Not in the turn of the number: devices that enter one channel at the same time share an append.
      const result = typeof choice === 'string' ? await this.#enter(choice, request, others) : choice;
      const hasChanged =
        !result.ok && (result.refusal === 'channel_closed' || result.refusal === 'not_listed');
      if (!hasChanged || attempt >= MOST_ATTEMPTS) return result;
    }
  }

  /** The key of the channel that the device is to enter; or what has happened already, if that is none. */
  async #choose(request: JoinRequest, others: readonly string[]): Promise<string | JoinResult> {
    const { device, number } = request;
    const { routes } = this.#options;
    const own = routes.get(device, number);
    if (own?.group !== undefined) {
      const isKnown = others.every((other) => routes.takesPart(other, own));
      return isKnown ? JOINED : { ok: false, refusal: 'channel_of_group' };
    }
    if (own !== undefined && !(await this.#supersedes(request, own.key, others))) {
      return this.#keyOrEntered(own.key, request, others);
    }
    if (routes.count(device) >= this.#options.policy.channelsPerDevice) {
      return { ok: false, refusal: 'too_many_channels' };
    }
    const listing = this.#chooseListing(device, number, others);
    if (listing !== undefined) return this.#keyOrEntered(listing, request, others);
    return others.length === 0 ? this.#joinAlone(request) : this.#open(request, others, false);
  }

  /** Who names somebody new enters in the turn of the number: that device must find the listing when it comes next. */
  #keyOrEntered(key: string, request: JoinRequest, others: readonly string[]): string | Promise<JoinResult> {
    const isKnown = (other: string): boolean => this.#isKnown(other, request.number, key);
    return others.every(isKnown) ? key : this.#enter(key, request, others);
  }

  #isKnown(device: string, number: number, key: string): boolean {
    const { directory, routes } = this.#options;
    return directory.isListed(device, number, key) || routes.get(device, number)?.key === key;
  }

  /**
   * A device that was put into a channel without its own JOIN is not bound to it: its first JOIN may name people who
   * are elsewhere. Otherwise a stranger could hold the number (with `channels.reach = anyone`).
   */
  async #supersedes(request: JoinRequest, key: string, others: readonly string[]): Promise<boolean> {
    const state = await this.#actors.state(STREAMS.channel.stream(key));
    const admittedOnly = state.participants.get(request.device) === false;
    if (!admittedOnly || others.length === 0 || others.some((other) => state.participants.has(other))) {
      return false;
    }
    await this.#execute(key, { type: 'leave', device: request.device });
    return true;
  }

  /** The channel in which most of the named devices already take part; for a device that names nobody, the oldest. */
  #chooseListing(device: string, number: number, others: readonly string[]): string | undefined {
    const { directory, routes } = this.#options;
    if (others.length === 0) return directory.oldestListing(device, number);
    const overlap = new Map<string, number>();
    for (const other of others) {
      const key = routes.get(other, number)?.key;
      if (key !== undefined && directory.isListed(device, number, key)) {
        overlap.set(key, (overlap.get(key) ?? 0) + 1);
      }
    }
    let best: string | undefined;
    for (const key of directory.listings(device, number)) {
      if ((overlap.get(key) ?? 0) > (best === undefined ? 0 : (overlap.get(best) ?? 0))) best = key;
    }
    return best;
  }

  /**
   * A JOIN that names nobody else. Where open rooms are allowed it meets everybody who did the same; elsewhere the
   * sender is alone until a later JOIN names others.
   */
  async #joinAlone(request: JoinRequest): Promise<string | JoinResult> {
    const { openRooms } = this.#options.policy;
    const wanted = request.members.length > 0;
    const allowed = openRooms === 'always' || (openRooms === 'compat' && request.plaintext);
    if (!wanted || !allowed) return this.#open(request, [], false);
    return this.#options.directory.openRoom(request.number) ?? this.#open(request, [], true);
  }

  async #open(request: JoinRequest, others: readonly string[], openRoom: boolean): Promise<JoinResult> {
    const { device, number, relay } = request;
    const key = toHex(this.#options.random.bytes(KEY_BYTES));
    const refusal = this.#listingRefusal(request, others, key);
    if (refusal !== undefined) return { ok: false, refusal };
    const named = await this.#classify(request, others, key);
    return result(await this.#execute(key, { type: 'open', device, number, relay, openRoom, named }));
  }

  async #enter(key: string, request: JoinRequest, others: readonly string[]): Promise<JoinResult> {
    const refusal = this.#listingRefusal(request, others, key);
    if (refusal !== undefined) return { ok: false, refusal };
    const named = await this.#classify(request, others, key);
    return result(await this.#execute(key, { type: 'join', device: request.device, named }));
  }

  /** Why the sender may not name those of the others whom the channel does not know yet, if so. */
  #listingRefusal(
    { device, number }: JoinRequest,
    others: readonly string[],
    key: string,
  ): ListingRefusal | undefined {
    const { directory, policy } = this.#options;
    const fresh = others.filter((other) => !this.#isKnown(other, number, key));
    if (fresh.length === 0) return undefined;
    const named = directory.namedBy(device);
    if (named.count + fresh.length > policy.listingsPerDevice) return 'too_many_listings';
    const cost = fresh.reduce((sum, other) => sum + ChannelDirectory.listingCost(other), 0);
    const left = policy.listingBytes - directory.listingBytes;
    return named.bytes + cost > left * LARGEST_PART ? 'too_many_listings_in_all' : undefined;
  }

  /** Splits the named devices: who takes part at once, and who only from its own JOIN on. */
  async #classify(request: JoinRequest, others: readonly string[], key: string): Promise<Named> {
    const { reach } = this.#options.policy;
    if (reach === 'joined') return { listed: others, admitted: [] };
    const listed: string[] = [];
    const admitted: string[] = [];
    for (const other of others) {
      const taken = this.#options.routes.get(other, request.number);
      const user = taken === undefined || taken.key === key ? await this.#options.userOf(other) : undefined;
      // Friend lists come with the REST interface; until then a device's friends are its account's other devices.
      const reachable = user !== undefined && (reach === 'anyone' || user === request.user);
      (reachable ? admitted : listed).push(other);
    }
    return { listed, admitted };
  }

  async #execute(key: string, command: ChannelCommand): Promise<Change> {
    const { directory, policy } = this.#options;
    const limits = { members: policy.membersPerChannel };
    const stream = STREAMS.channel.stream(key);
    const outcome = await this.#actors.execute(stream, (state) => decideChannel(state, command, limits));
    if (outcome.ok) {
      for (const event of outcome.events) directory.apply(key, event);
    }
    return outcome;
  }
}

function result(change: Change): JoinResult {
  return change.ok ? JOINED : { ok: false, refusal: change.rejection };
}
