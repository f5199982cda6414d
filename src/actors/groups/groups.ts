import { createActor } from 'xstate';
import type { Mailbox } from '../../delivery/mailboxes/mailbox.ts';
import { STREAMS } from '../../events/streams.ts';
import type { EventLog, StreamAppend, StreamName } from '../../log/event-log.ts';
import type { Clock, Random } from '../../ports/ports.ts';
import { toHex } from '../../protocol/bytes.ts';
import type { ChannelPolicy } from '../channels/channels.ts';
import type { NumberTurns } from '../channels/number-turns.ts';
import type { ChannelRoute, Route } from '../routes/route.ts';
import type { RouteTable } from '../routes/route-table.ts';
import type { Outcome } from '../runtime/aggregate.ts';
import { Registry } from '../runtime/registry.ts';
import { SerialQueue } from '../runtime/serial-queue.ts';
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
  readonly settled: (stream: StreamName) => Promise<void> | undefined;
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

/** What a change is told with. */
export interface GroupNotice {
  readonly group: string;
  /** Everybody who is told. */
  readonly route: Route;
  /** What it changes; undefined when that is nothing. */
  readonly fact: StreamAppend | undefined;
  /** To be called in the turn in which it is clear that the letter does not get into the log. */
  readonly undo?: () => void;
}

/**
 * Sends the letter that tells of a change, with the change itself: both get into the log, or neither, and then it rejects.
 * It is posted before the next change is decided.
 */
export type GroupLetter = (notice: GroupNotice) => Promise<void>;

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
      settled: options.settled,
      kind: {
        start: () => createActor(groupMachine).start(),
        encode: (event) => STREAMS.group.encode(event),
        decode: (recorded) => STREAMS.group.decode(recorded),
        evolve: evolveGroup,
        isOver: ({ phase }) => phase === 'ended',
        devices: ({ members }) => members.size,
      },
    });
  }

  get actors(): number {
    return this.#actors.size;
  }

  /** Creates a group; its creator owns it and takes part. */
  async create(request: CreateRequest, letter: GroupLetter): Promise<GroupResult> {
    // Whoever registers an id later must not find itself invited.
    for (const { device } of request.invited) {
      if (!(await this.#isRegistered(device))) return refuse('unknown_device');
    }
    return this.#options.numbers.run(request.device, request.number, () => this.#create(request, letter));
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

  /** Invites, removes, changes a role, leaves; the letter tells everybody concerned. */
  change(user: string, group: string, command: GroupChange, letter: GroupLetter): Promise<GroupResult> {
    return this.#turns.run(group, async () => {
      const route = this.#options.directory.route(group);
      if (route === undefined) return refuse('unknown_group');
      switch (command.type) {
        case 'invite':
          return this.#invite(user, group, route, command, letter);
        case 'leave':
          return this.#withdraw(group, route, command, command.device, letter);
        case 'remove':
          return this.#withdraw(group, route, command, command.target, letter);
        case 'change_role':
          return this.#commit(group, command, (fact) => letter({ group, route, fact }));
      }
    });
  }

  stop(): void {
    this.#actors.stop();
  }

  get #limits(): { readonly members: number } {
    return { members: this.#options.policy.membersPerChannel };
  }

  async #create(request: CreateRequest, letter: GroupLetter): Promise<GroupResult> {
    const { device, number, relay, invited } = request;
    const { directory, routes, policy, random } = this.#options;
    const own = routes.get(device, number);
    // The same request again, after an ACK that was lost: the group that it made is on this number.
    const group = request.group ?? own?.group ?? toHex(random.bytes(ID_BYTES));
    if (own !== undefined && own.group !== group) return refuse('channel_exists');
    const held = Math.max(routes.count(device), directory.ownedBy(device));
    if (own === undefined && held >= policy.channelsPerDevice) return refuse('too_many_channels');
    return this.#turns.run(group, async () => {
      const channel = toHex(random.bytes(KEY_BYTES));
      const others = invited.map((invitation) => invitation.device);
      // Not yet in the directory: the letter is to be the first thing in the group's mail.
      const route = directory.route(group) ?? directory.vacant(group, channel, number, device);
      const informed = await this.#withInvited(route, request, others);
      const command = { type: 'create', device, channel, number, relay, invited } as const;
      try {
        return await this.#commit(group, command, (fact) => letter({ group, route: informed, fact }));
      } finally {
        if (directory.route(group)?.key !== channel) directory.forget(channel);
      }
    });
  }

  async #join(device: string, group: string, number: number): Promise<GroupResult> {
    const { directory, routes, policy } = this.#options;
    const route = directory.route(group);
    if (route === undefined) return refuse('unknown_group');
    const command = { type: 'join', device, number } as const;
    const decision = decideGroup(await this.#state(group), command, this.#limits);
    const own = routes.get(device, number);
    if (decision.ok && own !== route) {
      if (own !== undefined) return refuse('channel_exists');
      if (routes.count(device) >= policy.channelsPerDevice) return refuse('too_many_channels');
    }
    const result = await this.#execute(group, command);
    if (result.ok) routes.enter(route, device);
    return result;
  }

  async #invite(
    user: string,
    group: string,
    route: ChannelRoute,
    command: Extract<GroupChange, { type: 'invite' }>,
    letter: GroupLetter,
  ): Promise<GroupResult> {
    const decision = decideGroup(await this.#state(group), command, this.#limits);
    // Whether a device exists is only told to somebody who may invite it.
    if (decision.ok && !(await this.#isRegistered(command.invitee))) return refuse('unknown_device');
    const sender = { device: command.device, user, number: command.number };
    const informed = decision.ok ? await this.#withInvited(route, sender, [command.invitee]) : route;
    return this.#commit(group, command, (fact) => letter({ group, route: informed, fact }));
  }

  /**
   * Takes a device out. The letter that tells of it is the last one that the device gets: what was posted before lies
   * before it in the log, and nothing more is posted to the device.
   */
  async #withdraw(
    group: string,
    route: ChannelRoute,
    command: Extract<GroupChange, { type: 'leave' | 'remove' }>,
    target: string,
    letter: GroupLetter,
  ): Promise<GroupResult> {
    const { routes } = this.#options;
    return this.#commit(group, command, (fact) => {
      if (!routes.takesPart(target, route)) return letter({ group, route, fact });
      const informed = including(route, []);
      routes.leave(route, target);
      const undo = (): void => {
        // The log does not take it: the device is still a member.
        if (routes.get(target, route.number) === undefined) routes.enter(route, target);
      };
      return letter({ group, route: informed, fact, undo });
    });
  }

  /** The members, and those of the invited that the invitation may reach: it is a letter from a stranger otherwise. */
  async #withInvited(route: ChannelRoute, sender: Creator, invited: readonly string[]): Promise<Route> {
    const { routes, policy, userOf } = this.#options;
    const reached: Mailbox[] = [];
    for (const device of invited) {
      if (device === sender.device || routes.takesPart(device, route)) continue;
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
    return this.#actors.state(STREAMS.group.stream(group));
  }

  async #execute(group: string, command: GroupCommand): Promise<GroupResult> {
    const limits = this.#limits;
    const outcome = await this.#actors.execute(STREAMS.group.stream(group), (state) =>
      decideGroup(state, command, limits),
    );
    return this.#done(group, outcome);
  }

  async #commit(
    group: string,
    command: GroupCommand,
    letter: (fact: StreamAppend | undefined) => Promise<void>,
  ): Promise<GroupResult> {
    const limits = this.#limits;
    const outcome = await this.#actors.commit(
      STREAMS.group.stream(group),
      (state) => decideGroup(state, command, limits),
      letter,
    );
    return this.#done(group, outcome);
  }

  #done(group: string, outcome: Outcome<GroupState, GroupEvent, GroupRejection>): GroupResult {
    const { directory } = this.#options;
    if (!outcome.ok) {
      const number = directory.route(group)?.number;
      return {
        ok: false,
        refusal: outcome.rejection,
        ...(outcome.rejection === 'wrong_channel' && number !== undefined ? { number } : {}),
      };
    }
    for (const event of outcome.events) directory.apply(group, event);
    return DONE;
  }
}

/** The channel as one letter sees it that also goes to devices that do not take part. */
function including(route: ChannelRoute, others: readonly Mailbox[]): Route {
  const { key, number, openRoom, group, mail, members } = route;
  return { key, number, openRoom, group, mail, members: [...members, ...others] };
}
