import { createActor } from 'xstate';
import type { Mailbox } from '../delivery/mailbox.ts';
import type { EventLog } from '../log/event-log.ts';
import { decodeFact, encodeFact } from '../log/fact-encoding.ts';
import { toHex } from '../protocol/bytes.ts';
import type { Clock, Random } from '../protocol/ports.ts';
import type { ChannelPolicy } from './channels.ts';
import {
  decideGroup,
  evolveGroup,
  type GroupCommand,
  type GroupEvent,
  type GroupRejection,
  type GroupState,
  type Invitation,
} from './group-decider.ts';
import type { GroupDirectory } from './group-directory.ts';
import { groupMachine } from './group-machine.ts';
import type { NumberTurns } from './number-turns.ts';
import { Registry } from './registry.ts';
import type { ChannelRoute, Route } from './route.ts';
import type { RouteTable } from './route-table.ts';
import { SerialQueue } from './serial-queue.ts';

/** Bytes of the key of a group's mail, and of an id that the server makes. */
const KEY_BYTES = 16;
const ID_BYTES = 32;

export interface GroupsOptions {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly directory: GroupDirectory;
  readonly routes: RouteTable;
  readonly numbers: NumberTurns;
  readonly policy: ChannelPolicy;
  /** The user of a registered device, `undefined` for an unknown one. */
  readonly userOf: (device: string) => Promise<string | undefined>;
  /** Resolves when every letter that was posted before is in the log, or refused. */
  readonly settled: () => Promise<void>;
}

export interface Creator {
  readonly device: string;
  readonly user: string;
  readonly number: number;
}

export interface CreateRequest extends Creator {
  /** The server makes one when it is undefined. */
  readonly group: string | undefined;
  readonly relay: boolean;
  readonly invited: readonly Invitation[];
}

export type GroupRefusal = GroupRejection | 'channel_exists' | 'too_many_channels' | 'unknown_device';

export type GroupResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly refusal: GroupRefusal; readonly number?: number };

/** Runs in the turn in which a change takes effect: whoever is told now is told before the next change. */
export type Effect = (group: string, route: Route) => void;

type GroupChange = Extract<GroupCommand, { type: 'invite' | 'leave' | 'remove' | 'change_role' }>;

const DONE: GroupResult = { ok: true };
const refuse = (refusal: GroupRefusal): GroupResult => ({ ok: false, refusal });

/** Groups: the rules of PROTOCOL.md 6.6 over the group actors. */
export class Groups {
  readonly #options: GroupsOptions;
  readonly #actors: Registry<GroupState, GroupEvent>;
  /** All that happens to one group, effects included, happens one after the other. */
  readonly #turns = new SerialQueue<string>();

  constructor(options: GroupsOptions) {
    this.#options = options;
    this.#actors = new Registry({
      log: options.log,
      clock: options.clock,
      idleAfter: options.policy.idleAfter,
      kind: {
        start: () => createActor(groupMachine).start(),
        encode: encodeFact,
        decode: (recorded) => decodeFact(recorded) as GroupEvent,
        evolve: evolveGroup,
      },
    });
  }

  get actors(): number {
    return this.#actors.size;
  }

  /** Creates a group; its creator owns it and takes part. */
  async create(request: CreateRequest, effect: Effect): Promise<GroupResult> {
    // Whoever registers an id later must not find itself invited.
    for (const { device } of request.invited) {
      if (!(await this.#isRegistered(device))) {
        return refuse('unknown_device');
      }
    }
    return this.#options.numbers.run(request.device, request.number, () => this.#create(request, effect));
  }

  /** The device's own consent: from now on it takes part. */
  join(device: string, group: string, number: number): Promise<GroupResult> {
    const { numbers } = this.#options;
    return numbers.run(device, number, () => this.#turns.run(group, () => this.#join(device, group, number)));
  }

  /** LEAVE: the device stays a member and receives nothing until it joins again. */
  async pause(device: string, group: string): Promise<void> {
    await this.#turns.run(group, () => this.#execute(group, { type: 'pause', device }));
  }

  /** Invites, removes, changes a role, leaves; the effect tells everybody concerned. */
  change(user: string, group: string, command: GroupChange, effect: Effect): Promise<GroupResult> {
    return this.#turns.run(group, async () => {
      const route = this.#options.directory.route(group);
      if (route === undefined) {
        return refuse('unknown_group');
      }
      switch (command.type) {
        case 'invite':
          return this.#invite(user, group, route, command, effect);
        case 'leave':
          return this.#withdraw(group, route, command, command.device, effect);
        case 'remove':
          return this.#withdraw(group, route, command, command.target, effect);
        case 'change_role': {
          const result = await this.#execute(group, command);
          if (result.ok) {
            effect(group, route);
          }
          return result;
        }
      }
    });
  }

  stop(): void {
    this.#actors.stop();
  }

  get #limits(): { readonly members: number } {
    return { members: this.#options.policy.membersPerChannel };
  }

  async #create(request: CreateRequest, effect: Effect): Promise<GroupResult> {
    const { device, number, relay, invited } = request;
    const { directory, routes, policy, random } = this.#options;
    const own = routes.get(device, number);
    // The same request again, after an ACK that was lost: the group that it made is on this number.
    const group = request.group ?? own?.group ?? toHex(random.bytes(ID_BYTES));
    if (own !== undefined && own.group !== group) {
      return refuse('channel_exists');
    }
    const held = Math.max(routes.count(device), directory.ownedBy(device));
    if (own === undefined && held >= policy.channelsPerDevice) {
      return refuse('too_many_channels');
    }
    return this.#turns.run(group, async () => {
      const channel = toHex(random.bytes(KEY_BYTES));
      const result = await this.#execute(group, { type: 'create', device, channel, number, relay, invited });
      const route = directory.route(group);
      if (result.ok && route !== undefined) {
        const others = invited.map((invitation) => invitation.device);
        effect(group, await this.#withInvited(route, request, others));
      }
      return result;
    });
  }

  async #join(device: string, group: string, number: number): Promise<GroupResult> {
    const { directory, routes, policy } = this.#options;
    const route = directory.route(group);
    if (route === undefined) {
      return refuse('unknown_group');
    }
    const command = { type: 'join', device, number } as const;
    const decision = decideGroup(await this.#state(group), command, this.#limits);
    const own = routes.get(device, number);
    if (decision.ok && own !== route) {
      if (own !== undefined) {
        return refuse('channel_exists');
      }
      if (routes.count(device) >= policy.channelsPerDevice) {
        return refuse('too_many_channels');
      }
    }
    const result = await this.#execute(group, command);
    if (result.ok) {
      routes.enter(route, device);
    }
    return result;
  }

  async #invite(
    user: string,
    group: string,
    route: ChannelRoute,
    command: Extract<GroupChange, { type: 'invite' }>,
    effect: Effect,
  ): Promise<GroupResult> {
    const decision = decideGroup(await this.#state(group), command, this.#limits);
    // Whether a device exists is only told to somebody who may invite it.
    if (decision.ok && !(await this.#isRegistered(command.invitee))) {
      return refuse('unknown_device');
    }
    const sender = { device: command.device, user, number: command.number };
    const informed = decision.ok ? await this.#withInvited(route, sender, [command.invitee]) : route;
    const result = await this.#execute(group, command);
    if (result.ok) {
      effect(group, informed);
    }
    return result;
  }

  /**
   * Takes a device out. It must find no letter behind the event that removed it: so nothing more is posted to it, then
   * all that was posted before gets into the log, and only then the event. Its last letter is the one that tells it.
   */
  async #withdraw(
    group: string,
    route: ChannelRoute,
    command: Extract<GroupChange, { type: 'leave' | 'remove' }>,
    target: string,
    effect: Effect,
  ): Promise<GroupResult> {
    const { routes, settled } = this.#options;
    const state = await this.#state(group);
    const decision = decideGroup(state, command, this.#limits);
    const takesPart = decision.ok && state.members.get(target)?.standing === 'joined';
    if (takesPart) {
      routes.leave(route, target);
    }
    try {
      // Also for somebody who is only invited: the invitation may be on its way to the disk.
      await settled();
      const result = await this.#execute(group, command);
      if (result.ok) {
        effect(group, takesPart ? including(route, [routes.mailbox(target)]) : route);
      }
      return result;
    } catch (error) {
      // The log did not take it: the device is still a member.
      if (takesPart && routes.get(target, route.number) === undefined) {
        routes.enter(route, target);
      }
      throw error;
    }
  }

  /** The members, and those of the invited that the invitation may reach: it is a letter from a stranger otherwise. */
  async #withInvited(route: ChannelRoute, sender: Creator, invited: readonly string[]): Promise<Route> {
    const { routes, policy, userOf } = this.#options;
    const reached: Mailbox[] = [];
    for (const device of invited) {
      if (device === sender.device || routes.takesPart(device, route)) {
        continue;
      }
      const known = routes.haveCommon(sender.device, device);
      const user = known || policy.reach === 'joined' ? undefined : await userOf(device);
      if (known || (user !== undefined && (policy.reach === 'anyone' || user === sender.user))) {
        reached.push(routes.mailbox(device));
      }
    }
    return including(route, reached);
  }

  async #isRegistered(device: string): Promise<boolean> {
    const { routes, userOf } = this.#options;
    // Who takes part in some channel is; the log is only asked about the others.
    return routes.count(device) > 0 || (await userOf(device)) !== undefined;
  }

  #state(group: string): Promise<GroupState> {
    return this.#actors.state(`group-${group}`);
  }

  async #execute(group: string, command: GroupCommand): Promise<GroupResult> {
    const limits = this.#limits;
    const outcome = await this.#actors.execute(`group-${group}`, (state) =>
      decideGroup(state, command, limits),
    );
    if (!outcome.ok) {
      const number = this.#options.directory.route(group)?.number;
      return {
        ok: false,
        refusal: outcome.rejection,
        ...(outcome.rejection === 'wrong_channel' && number !== undefined ? { number } : {}),
      };
    }
    for (const event of outcome.events) {
      this.#options.directory.apply(group, event);
    }
    return DONE;
  }
}

/** The channel as one letter sees it that also goes to devices that do not take part. */
function including(route: ChannelRoute, others: readonly Mailbox[]): Route {
  const { key, number, openRoom, group, mail, members } = route;
  return { key, number, openRoom, group, mail, members: [...members, ...others] };
}
