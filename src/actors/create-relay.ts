import type { MailboxCapacity } from '../delivery/mailboxes/mailbox.ts';
import type { OutboxLimits } from '../delivery/outbox.ts';
import { PostOffice, type PostOfficeLimits } from '../delivery/post-office.ts';
import type { EventLog, StreamName } from '../log/event-log.ts';
import type { Clock, Random } from '../ports/ports.ts';
import type { Presence } from '../presence/index.ts';
import { PresenceRefresher } from '../presence/index.ts';
import type { CryptoBackend } from '../protocol/crypto-backend.ts';
import type { LinkPort } from '../relay-port/relay-port.ts';
import type { AccountPolicy } from './accounts/account-decider.ts';
import { Accounts } from './accounts/accounts.ts';
import { Calls } from './calls/calls.ts';
import type { CallLimits } from './calls/running-calls.ts';
import { type ChannelPolicy, Channels } from './channels/channels.ts';
import { NumberTurns } from './channels/number-turns.ts';
import { CallFrames } from './frames/call-frames.ts';
import { ChangeBudget } from './frames/change-budget.ts';
import { ChannelFrames } from './frames/channel-frames.ts';
import { FrameDispatch } from './frames/frame-dispatch.ts';
import { GroupFrames } from './frames/group-frames.ts';
import { Posting } from './frames/posting.ts';
import { Replies } from './frames/replies.ts';
import { Groups } from './groups/groups.ts';
import { OpenRoomNotices } from './presence/open-room-notices.ts';
import { PresenceFanout, type PresenceFanoutLimits } from './presence/presence-fanout.ts';
import { Relay } from './relay.ts';
import { type RelayState, restoreState } from './restore-state.ts';
import type { BudgetRate } from './runtime/budget.ts';
import type { RelayEvents } from './runtime/relay-events.ts';
import { Intake } from './sessions/intake.ts';
import { PendingWrites } from './sessions/pending-writes.ts';
import { Sessions } from './sessions/sessions.ts';

export interface RelayLimits {
  readonly outbox: OutboxLimits;
  readonly mailbox: MailboxCapacity;
  /** Seconds that an undelivered letter is kept. */
  readonly relayTtl: number;
  /** Seconds that presence outlives its last refresh. */
  readonly presenceTtl: number;
  readonly presenceFanout: PresenceFanoutLimits;
  /** Milliseconds between writes of changed mailbox counters. */
  readonly cursorInterval: number;
  /** Milliseconds between searches for expired letters. */
  readonly expiryInterval: number;
  /** Bytes of frames that may wait for an earlier one of their session. */
  readonly waitingBytes: number;
  readonly office: PostOfficeLimits;
  readonly calls: CallLimits;
  /** Bytes of facts that one account may cause. */
  readonly changes: BudgetRate;
}

export interface RelayOptions {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly backend: CryptoBackend;
  /** Ed25519 secret seed of the device CA, 32 bytes. */
  readonly authoritySeed: Uint8Array;
  readonly links: LinkPort;
  readonly presence: Presence;
  readonly events: RelayEvents;
  readonly accounts: AccountPolicy;
  readonly channels: ChannelPolicy;
  readonly limits: RelayLimits;
}

export interface RelayFigures {
  readonly sessions: number;
  readonly channels: number;
  readonly groups: number;
  readonly channelActors: number;
  readonly groupActors: number;
  readonly callActors: number;
  readonly runningCalls: number;
  readonly storedLetters: number;
}

export interface RunningRelay extends AsyncDisposable {
  readonly relay: Relay;
  readonly accounts: Accounts;
  /** Whether nothing will ever be appended to this stream again, and nobody here reads it. */
  isOver(stream: string): boolean;
  figures(): RelayFigures;
}

/**
 * Rebuilds the relay's state from the log and starts it. What is made later is given what was made before, never the other
 * way round; who has to be told of something later passes itself with what it asks for (`Poster`, `SliceListener`).
 */
export async function createRelay(options: RelayOptions): Promise<RunningRelay> {
  const { log, clock, random, links, events, limits } = options;
  const state = await restoreState(options);
  const { mailboxes, mailClock, cursors, facts, journal, routes } = state;
  const accounts = createAccounts(options, state);
  const { groups, channels, calls } = createActors(options, state, accounts);
  const presence = new PresenceFanout(options.presence, routes, clock, limits.presenceFanout);
  const refresher = new PresenceRefresher(presence, clock, limits.presenceTtl, (error) =>
    events.failed('presence', error),
  );
  const notices = new OpenRoomNotices(clock, limits.presenceFanout);
  const writes = new PendingWrites(links, clock);
  const office = new PostOffice({
    log,
    clock,
    mailClock,
    facts,
    cursors,
    writes,
    events,
    limits: limits.office,
    ttlSeconds: limits.relayTtl,
  });
  const replies = new Replies(links, events);
  const posting = new Posting({ office, events, cursors, capacity: limits.mailbox });
  const common = { replies, posting, routes, changes: new ChangeBudget(clock, limits.changes) };
  const groupFrames = new GroupFrames({ ...common, groups });
  const channelFrames = new ChannelFrames({ ...common, channels, groups: groupFrames, notices });
  const callFrames = new CallFrames({ ...common, calls, clock, events });
  const handlers = { channels: channelFrames, groups: groupFrames, calls: callFrames };
  const frames = new FrameDispatch({ ...handlers, replies, posting, presence, events });
  const intake = new Intake({ links, clock, office, frames, waitingBytes: limits.waitingBytes });
  const sessions = new Sessions({
    journal,
    log,
    links,
    mailboxes,
    cursors,
    writes,
    intake,
    replies,
    presence,
    refresher,
    calls: callFrames,
    events,
    outbox: limits.outbox,
  });
  const relay = new Relay({ log, clock, random, accounts, sessions, intake, events });
  await callFrames.restore(journal.calls);
  return {
    relay,
    accounts,
    isOver: (stream) => state.channels.isOver(stream) || mailboxes.isOver(stream),
    figures: () => figuresOf(state, sessions, { groups, channels, calls }),
    async [Symbol.asyncDispose]() {
      for (const part of [state.expiry, refresher, presence, notices, callFrames]) part[Symbol.dispose]();
      await relay.settled();
      await office.drained();
      await facts[Symbol.asyncDispose]();
      await cursors.flush();
      await journal[Symbol.asyncDispose]();
      for (const registry of [channels, groups, calls]) registry.stop();
    },
  };
}

function createAccounts(options: RelayOptions, { breaker, mailboxes }: RelayState): Accounts {
  const { log, clock, random, backend, authoritySeed, accounts: policy, events } = options;
  return new Accounts({
    log,
    clock,
    random,
    backend,
    authoritySeed,
    policy,
    breaker,
    profileKept: () => events.limitReached('profileChanges'),
    isSettled: (device) => mailboxes.isSettled(device),
  });
}

interface RelayActors {
  readonly groups: Groups;
  readonly channels: Channels;
  readonly calls: Calls;
}

/** The actors of groups, channels and calls. */
function createActors(
  { log, clock, random, channels: policy, limits, events }: RelayOptions,
  state: RelayState,
  accounts: Accounts,
): RelayActors {
  const { facts, journal, routes } = state;
  const numbers = new NumberTurns(policy.reach !== 'joined');
  const userOf = (device: string): Promise<string | undefined> => accounts.userOf(device);
  const settled = (stream: StreamName): Promise<void> | undefined => facts.settled(stream);
  const common = { log, clock, random, routes, numbers, policy, userOf };
  const groups = new Groups({ ...common, directory: state.groups, settled });
  const channels = new Channels({
    ...common,
    directory: state.channels,
    pauseGroup: (device, group) => groups.pause(device, group),
  });
  const calls = new Calls({
    log,
    clock,
    idleAfter: policy.idleAfter,
    offered: () => events.callOffered(),
    settled,
    limits: limits.calls,
    journal,
  });
  return { groups, channels, calls };
}

function figuresOf(
  { channels: directory, groups: groupDirectory, mailboxes }: RelayState,
  sessions: Sessions,
  { groups, channels, calls }: RelayActors,
): RelayFigures {
  return {
    sessions: sessions.live,
    channels: directory.channels,
    groups: groupDirectory.groups,
    channelActors: channels.actors,
    groupActors: groups.actors,
    callActors: calls.actors,
    runningCalls: calls.running,
    storedLetters: mailboxes.stored,
  };
}
