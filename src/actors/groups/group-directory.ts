import type { Mailboxes } from '../../delivery/mailboxes/mailboxes.ts';
import { STREAMS } from '../../events/streams.ts';
import type { EventLog, StreamAppend } from '../../log/event-log.ts';
import { ChannelRoute } from '../routes/route.ts';
import type { RouteTable } from '../routes/route-table.ts';
import type { GroupEvent } from './group-decider.ts';

/** The channels of all groups: a fold over the group streams, kept current by the groups' own decisions. */
export class GroupDirectory {
  readonly #mailboxes: Mailboxes;
  readonly #routes: RouteTable;
  readonly #groups = new Map<string, ChannelRoute>();
  /** How many groups a device owns. */
  readonly #owned = new Map<string, number>();
  readonly #owners = new Map<string, string>();

  constructor(mailboxes: Mailboxes, routes: RouteTable) {
    this.#mailboxes = mailboxes;
    this.#routes = routes;
  }

  get groups(): number {
    return this.#groups.size;
  }

  /** The channel of a group that has not ended. */
  route(group: string): ChannelRoute | undefined {
    return this.#groups.get(group);
  }

  /** The channel of a group that is about to be created. */
  vacant(group: string, key: string, number: number, owner: string): ChannelRoute {
    const route = new ChannelRoute({ key, number, openRoom: false, group, mail: this.#mailboxes.mail(key) });
    route.add(this.#mailboxes.mailbox(owner));
    return route;
  }

  /** The group of a vacant channel was not created. */
  forget(key: string): void {
    this.#mailboxes.forgetMail(key);
  }

  ownedBy(device: string): number {
    return this.#owned.get(device) ?? 0;
  }

  /** A group has changed. */
  apply(group: string, event: GroupEvent): void {
    if (event.type === 'group.created') {
      const { channel: key, number, owner } = event;
      const route = this.vacant(group, key, number, owner);
      this.#groups.set(group, route);
      this.#routes.enter(route, owner);
      this.#own(group, owner);
      return;
    }
    const route = this.#groups.get(group);
    if (route === undefined) return;
    switch (event.type) {
      case 'group.member_joined':
        this.#routes.enter(route, event.device);
        break;
      case 'group.member_paused':
      case 'group.member_left':
      case 'group.member_removed':
        this.#routes.leave(route, event.device);
        break;
      case 'group.role_changed':
        if (event.role === 'owner') this.#own(group, event.device);
        break;
      case 'group.ended':
        this.#own(group, undefined);
        this.#groups.delete(group);
        this.#mailboxes.forgetMail(route.key);
        break;
      case 'group.member_invited':
        break;
      default:
        event satisfies never;
    }
  }

  /** Reads all group streams of the log. @param owed what has been decided and could not be brought into its stream yet */
  async restore(log: EventLog, owed: readonly StreamAppend[]): Promise<void> {
    for await (const recorded of log.readAll({ categories: [STREAMS.group.category] })) {
      this.apply(STREAMS.group.keyOf(recorded.stream), STREAMS.group.decode(recorded));
    }
    for (const { stream, events } of owed.filter((fact) => STREAMS.group.has(fact.stream))) {
      for (const event of events) this.apply(STREAMS.group.keyOf(stream), STREAMS.group.decode(event));
    }
  }

  #own(group: string, owner: string | undefined): void {
    const before = this.#owners.get(group);
    if (before !== undefined) {
      const left = this.ownedBy(before) - 1;
      if (left > 0) {
        this.#owned.set(before, left);
      } else {
        this.#owned.delete(before);
      }
      this.#owners.delete(group);
    }
    if (owner !== undefined) {
      this.#owners.set(group, owner);
      this.#owned.set(owner, this.ownedBy(owner) + 1);
    }
  }
}
