import { CarriedFacts } from '../delivery/mailboxes/carried-facts.ts';
import { CursorKeeper } from '../delivery/mailboxes/cursor-keeper.ts';
import { MailClock } from '../delivery/mailboxes/mail-clock.ts';
import { MailExpiry } from '../delivery/mailboxes/mail-expiry.ts';
import { Mailboxes } from '../delivery/mailboxes/mailboxes.ts';
import { STREAMS } from '../events/streams.ts';
import type { EventLog } from '../log/event-log.ts';
import type { Clock } from '../ports/ports.ts';
import { ChannelDirectory } from './channels/channel-directory.ts';
import { GroupDirectory } from './groups/group-directory.ts';
import { RouteTable } from './routes/route-table.ts';
import type { RelayEvents } from './runtime/relay-events.ts';
import { WriteBreaker } from './runtime/write-breaker.ts';
import { SessionJournal } from './sessions/session-journal.ts';

export interface RestoreOptions {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly events: RelayEvents;
  readonly limits: {
    /** Seconds that an undelivered letter is kept. */
    readonly relayTtl: number;
    /** Milliseconds between writes of changed mailbox counters. */
    readonly cursorInterval: number;
    /** Milliseconds between searches for expired letters. */
    readonly expiryInterval: number;
  };
}

/** What the relay remembers: all of it is in the log. */
export interface RelayState {
  readonly mailboxes: Mailboxes;
  readonly mailClock: MailClock;
  readonly cursors: CursorKeeper;
  readonly expiry: MailExpiry;
  readonly facts: CarriedFacts;
  readonly journal: SessionJournal;
  readonly breaker: WriteBreaker;
  readonly routes: RouteTable;
  readonly channels: ChannelDirectory;
  readonly groups: GroupDirectory;
}

/** Reads the log. Sessions that an earlier process left open are closed in it, and facts that letters carry brought home. */
export async function restoreState({ log, clock, events, limits }: RestoreOptions): Promise<RelayState> {
  const mailboxes = new Mailboxes();
  const routes = new RouteTable(mailboxes);
  const channels = new ChannelDirectory(mailboxes, routes);
  const groups = new GroupDirectory(mailboxes, routes);
  const interval = limits.cursorInterval;
  const cursors = new CursorKeeper({
    log,
    clock,
    interval,
    failed: (error) => events.failed('cursors', error),
  });
  const facts = new CarriedFacts({
    log,
    clock,
    interval,
    released: (mail) => cursors.unread(mail),
    failed: (error) => events.failed('carried facts', error),
  });
  const breaker = new WriteBreaker(clock);
  const journal = new SessionJournal({ log, clock, events, breaker });
  await journal.restore();
  const mailClock = new MailClock(clock, limits.relayTtl * 1000);
  await mailboxes.restore(log, mailClock);
  const { found, owed } = await facts.restore(mailboxes.takeCarried());
  for (const { stream } of found.filter((fact) => STREAMS.call.has(fact.stream))) journal.callBegins(stream);
  await channels.restore(log);
  await groups.restore(log, owed);
  for (const mailbox of mailboxes.unsaved()) cursors.touched(mailbox);
  for (const mail of mailboxes.releasable()) cursors.unread(mail);
  const expiry = new MailExpiry({
    mailboxes,
    cursors,
    mailClock,
    clock,
    interval: limits.expiryInterval,
    events,
  });
  return { mailboxes, mailClock, cursors, expiry, facts, journal, breaker, routes, channels, groups };
}
