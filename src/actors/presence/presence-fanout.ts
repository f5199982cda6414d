import type { Mailbox } from '../../delivery/mailboxes/mailbox.ts';
import type { CancelTimer, Clock } from '../../ports/ports.ts';
import type { Presence, PresenceEntry, PresenceUser } from '../../presence/index.ts';
import { FRAME } from '../../protocol/frames/frame-types.ts';
import { encodeJson } from '../../protocol/json/json-writer.ts';
import type { ChannelRoute } from '../routes/route.ts';
import type { RouteTable } from '../routes/route-table.ts';

/** Devices and frames of one round; the rest waits for the next one. */
const STEPS_PER_ROUND = 2_000;

export interface PresenceFanoutLimits {
  /** Channels with more devices than this carry no presence. */
  readonly members: number;
  /** Milliseconds in which changes of a device are collected: only the last one is told. */
  readonly interval: number;
}

interface Shown {
  readonly session: number;
  readonly state: string;
}

/**
 * Presence with consent (PROTOCOL.md 5.14): a device that has sent PRESENCE in its session is shown to those devices
 * that did the same and share a channel with it, and sees them. Changes are collected, large channels left out and
 * rounds bounded, so that thousands of devices that come back at once cost a steady trickle and not n squared frames.
 */
export class PresenceFanout implements Presence, Disposable {
  readonly #store: Presence;
  readonly #routes: RouteTable;
  readonly #clock: Clock;
  readonly #limits: PresenceFanoutLimits;
  readonly #shown = new Map<string, Shown>();
  /** What others were told last, for devices that are shown or were until this round. */
  readonly #told = new Map<string, string>();
  /** Devices to tell others about. */
  readonly #changed = new Set<string>();
  /** Devices to tell about others: all those on channels of theirs, or of one new channel. */
  readonly #curious = new Map<string, Set<ChannelRoute> | 'all'>();
  #round: Iterator<void> | undefined;
  #cancel: CancelTimer | undefined;

  /** @param store where states are kept; it hears of everything first */
  constructor(store: Presence, routes: RouteTable, clock: Clock, limits: PresenceFanoutLimits) {
    this.#store = store;
    this.#routes = routes;
    this.#clock = clock;
    this.#limits = limits;
    routes.onEnter = (device, route) => this.#entered(device, route);
  }

  online(device: string, session: number, user: PresenceUser | null): Promise<void> {
    return this.#store.online(device, session, user);
  }

  publish(device: string, session: number, state: string): Promise<void> {
    const before = this.#shown.get(device);
    this.#shown.set(device, { session, state });
    if (before?.session !== session) this.#curious.set(device, 'all');
    this.#note(device);
    return this.#store.publish(device, session, state);
  }

  refresh(device: string, session: number): Promise<void> {
    return this.#store.refresh(device, session);
  }

  offline(device: string, session: number): Promise<void> {
    // A connection that was replaced does not hide its successor.
    if (this.#shown.get(device)?.session === session) {
      this.#shown.delete(device);
      this.#curious.delete(device);
      this.#note(device);
    }
    return this.#store.offline(device, session);
  }

  get(device: string): Promise<PresenceEntry | undefined> {
    return this.#store.get(device);
  }

  [Symbol.dispose](): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #note(device: string): void {
    this.#changed.add(device);
    this.#cancel ??= this.#clock.after(this.#limits.interval, this.#run);
  }

  /** Two that meet on a new channel see each other from now on. */
  #entered(device: string, route: ChannelRoute): void {
    if (route.size < 2 || !this.#shown.has(device)) return;
    const curious = this.#curious.get(device);
    if (curious !== 'all') this.#curious.set(device, (curious ?? new Set()).add(route));
    this.#note(device);
  }

  readonly #run = (): void => {
    this.#round ??= this.#tell();
    for (let steps = 0; steps < STEPS_PER_ROUND; steps += 1) {
      if (this.#round.next().done === true) {
        this.#round = undefined;
        break;
      }
    }
    const more = this.#round !== undefined || this.#changed.size > 0;
    this.#cancel = more ? this.#clock.after(this.#limits.interval, this.#run) : undefined;
  };

  /**
   * One step for each device and each frame. First the curious are told what is known, then everybody what is new: so
   * two that appear together are told of each other once.
   */
  *#tell(): Generator<void> {
    const changed = [...this.#changed];
    this.#changed.clear();
    const introductions = new Map(this.#curious);
    this.#curious.clear();
    for (const [device, routes] of introductions) {
      yield;
      yield* this.#tellAbout(device, routes === 'all' ? this.#routes.of(device) : routes);
    }
    for (const device of changed) {
      yield;
      const state = this.#shown.get(device)?.state ?? 'offline';
      const introduced = introductions.get(device);
      if (state !== (this.#told.get(device) ?? 'offline')) {
        this.#remember(device, state);
        yield* this.#tellOthers(device, state, this.#routes.of(device));
      } else if (introduced !== undefined && introduced !== 'all') {
        yield* this.#tellOthers(device, state, introduced);
      }
    }
  }

  #remember(device: string, state: string): void {
    if (this.#shown.has(device)) {
      this.#told.set(device, state);
    } else {
      this.#told.delete(device);
    }
  }

  *#tellOthers(device: string, state: string, routes: Iterable<ChannelRoute>): Generator<void> {
    const payload = presencePayload(device, state);
    for (const other of this.#neighbours(device, routes)) {
      other.sendLive(FRAME.PRESENCE, 0, payload);
      yield;
    }
  }

  *#tellAbout(device: string, routes: Iterable<ChannelRoute>): Generator<void> {
    const mailbox = this.#routes.mailbox(device);
    for (const other of this.#neighbours(device, routes)) {
      // What has changed is told in its own turn.
      const state = this.#told.get(other.device);
      if (state !== undefined) {
        mailbox.sendLive(FRAME.PRESENCE, 0, presencePayload(other.device, state));
        yield;
      }
    }
  }

  /** Devices that are shown and share one of these channels, each once. */
  #neighbours(device: string, routes: Iterable<ChannelRoute>): Set<Mailbox> {
    const neighbours = new Set<Mailbox>();
    for (const route of routes) {
      if (route.size <= this.#limits.members) {
        for (const mailbox of route.members) {
          if (mailbox.device !== device && this.#shown.has(mailbox.device)) neighbours.add(mailbox);
        }
      }
    }
    return neighbours;
  }
}

function presencePayload(device: string, state: string): Uint8Array {
  return encodeJson({ entity: device, peer: device, state });
}
