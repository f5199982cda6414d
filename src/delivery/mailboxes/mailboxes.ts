import type { HistoryBegun } from '../../events/events.ts';
import type { RefusedFrame } from '../../events/mail-encoding.ts';
import { STREAMS } from '../../events/streams.ts';
import type { EventLog, RecordedEvent } from '../../log/event-log.ts';
import { isWireErrorCode } from '../../protocol/frames/errors.ts';
import type { FrameRefusal } from '../../relay-port/relay-port.ts';
import type { CarriedFact } from './carried-facts.ts';
import { type Letter, letterBytes, MailStream, shareOf } from './letter.ts';
import type { MailClock } from './mail-clock.ts';
import { Mailbox } from './mailbox.ts';

const { mail: MAIL, inbox: INBOX, history: HISTORY } = STREAMS;

/** All mailboxes and mail streams of this server: a fold over the mail of the log. */
export class Mailboxes {
  readonly #mailboxes = new Map<string, Mailbox>();
  readonly #streams = new Map<string, MailStream>();
  /** Keys of channels that are no more and whose letters somebody waits for. */
  readonly #leaving = new Set<string>();
  /** Mailboxes whose `received` is only known from letters that the log may drop. */
  readonly #unsaved = new Set<Mailbox>();
  /** The first inbox number of a device that has none yet. */
  #first = 1;
  #carried: CarriedFact[] = [];

  mailbox(device: string): Mailbox {
    let mailbox = this.#mailboxes.get(device);
    if (mailbox === undefined) {
      mailbox = new Mailbox(device, this.#first);
      this.#mailboxes.set(device, mailbox);
    }
    return mailbox;
  }

  /**
   * Whether a device has been here before, whatever the accounts say: it confirmed or sent something, or, once a history
   * was lost and with it perhaps the account, mail waits for it.
   */
  isSettled(device: string): boolean {
    const mailbox = this.#mailboxes.get(device);
    if (mailbox === undefined) return false;
    const { lane, stored } = mailbox;
    return mailbox.hasConfirmed || lane.received !== undefined || (this.#first !== 1 && stored > 0);
  }

  mail(channelKey: string): MailStream {
    let stream = this.#streams.get(channelKey);
    if (stream === undefined) {
      stream = new MailStream(channelKey);
      this.#streams.set(channelKey, stream);
    }
    return stream;
  }

  /** The channel is no more: its mail stream is forgotten once nobody waits for any of its letters. */
  forgetMail(channelKey: string): void {
    if (this.#streams.get(channelKey)?.letters.length === 0) {
      this.#streams.delete(channelKey);
      this.#leaving.delete(channelKey);
    } else {
      this.#leaving.add(channelKey);
    }
  }

  /** Whether this is the mail of a channel that is no more, and nobody waits for any of it. */
  isOver(stream: string): boolean {
    return MAIL.has(stream) && !this.#streams.has(MAIL.keyOf(stream));
  }

  /** Letters that somebody still waits for, over all mailboxes. */
  get stored(): number {
    let stored = 0;
    for (const mailbox of this.#mailboxes.values()) stored += mailbox.stored;
    return stored;
  }

  /** Reads the mail of the log; returns streams whose first letters are done and can be truncated. */
  async restore(log: EventLog, mailClock: MailClock): Promise<void> {
    const categories = [MAIL, INBOX, HISTORY].map(({ category }) => category);
    for await (const event of log.readAll({ categories })) {
      mailClock.observe(event.recordedAt);
      if (MAIL.has(event.stream)) this.#restoreLetter(event, mailClock.now());
      else if (INBOX.has(event.stream)) this.#restoreCounters(event);
      else this.#beginHistory(HISTORY.decode(event));
    }
    mailClock.start();
  }

  /** Streams with letters that are done at the front: their space can be given back. */
  *releasable(): Iterable<MailStream> {
    for (const stream of this.#streams.values()) {
      if (stream.letters.at(0)?.waiting === 0) yield stream;
    }
  }

  /** Letters that carry facts, as the log was read. They are handed out once. */
  takeCarried(): readonly CarriedFact[] {
    const carried = this.#carried;
    this.#carried = [];
    return carried;
  }

  /** Mailboxes whose counters must be written before letters are released: after a crash. */
  unsaved(): Iterable<Mailbox> {
    return this.#unsaved;
  }

  /** Drops what has expired, by the time of `MailClock`: each mailbox with the letters it lost. */
  *expire(now: number): Iterable<readonly [Mailbox, readonly Letter[]]> {
    for (const mailbox of this.#mailboxes.values()) {
      if (mailbox.stored > 0) {
        const letters = mailbox.expire(now);
        if (letters.length > 0) yield [mailbox, letters];
      }
    }
    for (const channelKey of this.#leaving) this.forgetMail(channelKey);
  }

  /** Also devices that this log does not know may have had numbers in a history that it has forgotten. */
  #beginHistory({ gap }: HistoryBegun): void {
    if (gap === 0) return;
    for (const mailbox of this.#mailboxes.values()) mailbox.skip(gap);
    this.#first = (this.#first + gap) >>> 0;
  }

  #restoreLetter(recorded: RecordedEvent, postedAt: number): void {
    const { stream, revision, recordedAt, data } = recorded;
    const mail = MAIL.decode(recorded);
    const letter: Letter = {
      mail: this.mail(MAIL.keyOf(stream)),
      revision,
      bytes: shareOf(letterBytes(data.length), mail.recipients.length),
      expiresAt: postedAt + mail.expiresAt * 1000 - recordedAt,
      waiting: 0,
    };
    for (const { device, inboxNumber } of mail.recipients) {
      if (this.mailbox(device).restoreLetter(inboxNumber, letter)) letter.waiting += 1;
    }
    letter.mail.add(letter);
    if (mail.fact !== undefined) this.#carried.push({ letter, fact: mail.fact });
    if (mail.resumable) {
      const sender = this.mailbox(mail.sender);
      sender.lane.restore(mail.senderSequence, mail.refused.map(asRefusal));
      this.#unsaved.add(sender);
    }
  }

  #restoreCounters(recorded: RecordedEvent): void {
    const counters = INBOX.decode(recorded);
    const { received, refused } = counters;
    const mailbox = this.mailbox(INBOX.keyOf(recorded.stream));
    for (const letter of mailbox.restoreCounters(counters)) letter.waiting -= 1;
    mailbox.lane.restoreCounters(received, refused.map(asRefusal));
    if (mailbox.lane.receivedToStore === received) this.#unsaved.delete(mailbox);
  }
}

/** A code that only a newer version knows says no less than that the frame was not accepted. */
function asRefusal({ sequence, error }: RefusedFrame): FrameRefusal {
  return { sequence, error: isWireErrorCode(error) ? error : 'internal' };
}
