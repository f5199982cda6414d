import { CarriedFacts } from '../delivery/mailboxes/carried-facts.ts';
import { CursorKeeper } from '../delivery/mailboxes/cursor-keeper.ts';
import { MailClock } from '../delivery/mailboxes/mail-clock.ts';
import type { Mailbox, MailboxCapacity } from '../delivery/mailboxes/mailbox.ts';
import { Mailboxes } from '../delivery/mailboxes/mailboxes.ts';
import type { OutboxLimits } from '../delivery/outbox.ts';
import { PostOffice, type PostOfficeLimits } from '../delivery/post-office.ts';
import type { EventLog } from '../log/event-log.ts';
import type { CancelTimer, Clock, Random } from '../ports/ports.ts';
import type { Presence } from '../presence/index.ts';
import { PresenceRefresher } from '../presence/index.ts';
import type { CryptoBackend } from '../protocol/crypto-backend.ts';
import type { LinkPort } from '../relay-port/relay-port.ts';
import type { AccountPolicy } from './accounts/account-decider.ts';
import { Accounts } from './accounts/accounts.ts';
import { Calls, isOfCall } from './calls/calls.ts';
import type { CallLimits } from './calls/running-calls.ts';
import { ChannelDirectory } from './channels/channel-directory.ts';
import { type ChannelPolicy, Channels } from './channels/channels.ts';
import { NumberTurns } from './channels/number-turns.ts';
import { CallFrames } from './frames/call-frames.ts';
import { ChangeBudget } from './frames/change-budget.ts';
import { type AbsentPoster, Desk } from './frames/desk.ts';
import { FrameDispatch } from './frames/frame-dispatch.ts';
import { GroupFrames } from './frames/group-frames.ts';
import { GroupDirectory } from './groups/group-directory.ts';
import { Groups } from './groups/groups.ts';
import { OpenRoomNotices } from './presence/open-room-notices.ts';
import { PresenceFanout, type PresenceFanoutLimits } from './presence/presence-fanout.ts';
import { Relay } from './relay.ts';
import { RouteTable } from './routes/route-table.ts';
import type { BudgetRate } from './runtime/budget.ts';
import type { RelayEvents } from './runtime/relay-events.ts';
import { WriteBreaker } from './runtime/write-breaker.ts';
import type { Session } from './sessions/session.ts';
import { SessionJournal } from './sessions/session-journal.ts';

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

/** Rebuilds the relay's state from the log and starts it. */
export async function createRelay(options: RelayOptions): Promise<RunningRelay> {
  const { log, clock, random, backend, links, events, limits } = options;
  const mailboxes = new Mailboxes();
  const routes = new RouteTable(mailboxes);
  const directory = new ChannelDirectory(mailboxes, routes);
  const groupDirectory = new GroupDirectory(mailboxes, routes);
  const cursors = new CursorKeeper({
    log,
    clock,
    interval: limits.cursorInterval,
    failed: (error) => events.failed('cursors', error),
  });
  const facts = new CarriedFacts({
    log,
    clock,
    interval: limits.cursorInterval,
    released: (mail) => cursors.unread(mail),
    failed: (error) => events.failed('carried facts', error),
  });
  const breaker = new WriteBreaker(clock);
  const journal = new SessionJournal({ log, clock, events, breaker });
  await journal.restore();
  const mailClock = new MailClock(clock, limits.relayTtl * 1000);
  await mailboxes.restore(log, mailClock);
  const { found, owed } = await facts.restore(mailboxes.takeCarried());
  for (const { stream } of found.filter(isOfCall)) journal.callBegins(stream);
  await directory.restore(log);
  await groupDirectory.restore(log, owed);
  const accounts = new Accounts({
    log,
    clock,
    random,
    backend,
    authoritySeed: options.authoritySeed,
    policy: options.accounts,
    breaker,
    profileKept: () => events.limitReached('profileChanges'),
    isSettled: (device) => mailboxes.isSettled(device),
  });
  for (const mailbox of mailboxes.unsaved()) cursors.touched(mailbox);
  for (const mail of mailboxes.releasable()) cursors.unread(mail);
  const office = new PostOffice<Session | AbsentPoster>(
    log,
    clock,
    mailClock,
    limits.relayTtl,
    limits.office,
    {
      acknowledge: (post, stored) => relay.acknowledge(post, stored),
      carried: (carried) => facts.carry(carried),
      refuse: (post, error, isPermanent) => {
        events.failed('post', error);
        relay.refusePost(post, isPermanent);
      },
      posted: (letters, recipients) => events.posted(letters, recipients),
      endOfSlice: () => relay.endOfSlice(),
      touched: (mailbox) => cursors.touched(mailbox),
      unread: (mail) => cursors.unread(mail),
    },
  );
  const numbers = new NumberTurns(options.channels.reach !== 'joined');
  const userOf = (device: string): Promise<string | undefined> => accounts.userOf(device);
  const touched = (mailbox: Mailbox): void => cursors.touched(mailbox);
  const desk = new Desk({ links, office, events, capacity: limits.mailbox, touched });
  const common = { log, clock, random, routes, numbers, policy: options.channels, userOf };
  const settled = (stream: string): Promise<void> | undefined => facts.settled(stream);
  const groups = new Groups({ ...common, directory: groupDirectory, settled });
  const channels = new Channels({
    ...common,
    directory,
    pauseGroup: (device, group) => groups.pause(device, group),
  });
  const calls = new Calls({
    log,
    clock,
    idleAfter: options.channels.idleAfter,
    offered: () => events.callOffered(),
    settled,
    limits: limits.calls,
    journal,
  });
  const callFrames = new CallFrames({
    desk,
    calls,
    routes,
    clock,
    failed: (error) => events.failed('disconnect', error),
  });
  const presence = new PresenceFanout(options.presence, routes, clock, limits.presenceFanout);
  const notices = new OpenRoomNotices(clock, limits.presenceFanout);
  const refresher = new PresenceRefresher(presence, clock, limits.presenceTtl, (error) =>
    events.failed('presence', error),
  );
  const relay: Relay = new Relay(
    {
      journal,
      log,
      clock,
      random,
      links,
      accounts,
      mailboxes,
      cursors,
      presence,
      presenceRefresher: refresher,
      desk,
      calls: callFrames,
      events,
      outboxLimits: limits.outbox,
      waitingBytes: limits.waitingBytes,
      congested: ({ mailbox }) => office.isCongested(mailbox),
    },
    (self) =>
      new FrameDispatch({
        desk,
        routes,
        channels,
        groups: new GroupFrames(desk, groups),
        calls: callFrames,
        changes: new ChangeBudget(clock, limits.changes),
        notices,
        presence,
        events,
        decodeFailed: (session, payload) => self.decodeFailed(session, payload),
      }),
  );
  const expire = (): void => {
    for (const [mailbox, letters] of mailboxes.expire(mailClock.now())) {
      events.expired(letters.length);
      cursors.released(letters, mailbox);
    }
  };
  // What had expired before a crash must not come back behind frames that were delivered since.
  expire();
  await callFrames.restore(journal.calls);
  const stopExpiry = expireRegularly(clock, limits.expiryInterval, expire);
  return {
    relay,
    accounts,
    isOver: (stream) => directory.isOver(stream) || mailboxes.isOver(stream),
    figures: () => ({
      sessions: relay.sessions,
      channels: directory.channels,
      groups: groupDirectory.groups,
      channelActors: channels.actors,
      groupActors: groups.actors,
      callActors: calls.actors,
      runningCalls: calls.running,
      storedLetters: mailboxes.stored,
    }),
    async [Symbol.asyncDispose]() {
      stopExpiry();
      refresher[Symbol.dispose]();
      presence[Symbol.dispose]();
      notices[Symbol.dispose]();
      callFrames[Symbol.dispose]();
      await relay.settled();
      await office.drained();
      await facts[Symbol.asyncDispose]();
      await cursors.flush();
      await journal[Symbol.asyncDispose]();
      channels.stop();
      groups.stop();
      calls.stop();
    },
  };
}

function expireRegularly(clock: Clock, interval: number, expire: () => void): CancelTimer {
  let cancel: CancelTimer;
  const run = (): void => {
    expire();
    cancel = clock.after(interval, run);
  };
  cancel = clock.after(interval, run);
  return () => cancel();
}
