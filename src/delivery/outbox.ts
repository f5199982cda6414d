import { decodeMailFrame } from '../events/mail-encoding.ts';
import type { EventLog, EventRef } from '../log/event-log.ts';
import { errorPayload } from '../protocol/frames/errors.ts';
import { FRAME } from '../protocol/frames/frame-types.ts';
import { serialAfter, serialDistance, serialNext } from '../protocol/serial.ts';
import type { Downstream, Recipient } from './downstream.ts';
import type { Letter } from './mailboxes/letter.ts';
import type { LiveOutbox } from './mailboxes/live-outbox.ts';
import type { Mailbox } from './mailboxes/mailbox.ts';

export interface OutboxLimits {
  /** Most durable frames in flight: sent, but neither confirmed nor (without `delivery-ack`) taken. */
  readonly window: number;
  /** Letters read from the log at a time. */
  readonly page: number;
  /** Bytes that the link may hold before durable frames wait in the log. */
  readonly backlogBytes: number;
}

export interface OutboxEvents {
  /** Letters that the device has now, or none: its counters have changed. Their space can be given back. */
  released(letters: readonly Letter[], mailbox: Mailbox): void;
  delivered(type: number, redelivery: boolean): void;
  /** A frame that this client cannot read was left out. */
  withheld(type: number): void;
  /** The log could not be read: the session cannot go on without losing order. */
  failed(error: unknown, session: number): void;
}

/**
 * Brings one device's stored letters to its live session, in inbox order, without gap or double. Three phases
 * (ARCHITECTURE.md, life of a message): `held` until the handshake ACK is out; `behind`: the next letters come from
 * the log in pages, while new ones only queue up; `live`: a letter goes out in the turn in which it became durable.
 * It falls back to `behind` whenever the window or the link is full.
 */
export class Outbox implements LiveOutbox {
  readonly #mailbox: Mailbox;
  readonly #recipient: Recipient;
  readonly #link: Downstream;
  readonly #log: EventLog;
  readonly #limits: OutboxLimits;
  readonly #events: OutboxEvents;
  #phase: 'held' | 'behind' | 'live' | 'closed' = 'held';
  #reading = false;
  /** Inbox number of the last letter handed to the link in this session. */
  #sentThrough: number;
  /** Letters below this number were sent before, in an earlier session. */
  readonly #redeliveredThrough: number;
  /** Letters handed to the link; of these, in `taken` mode, taken by our transport, and received by the peer's. */
  #transmitted = 0;
  #taken = 0;
  #received = 0;
  #marked = 0;
  /** Missed frames of which this session was told and may not have heard. */
  #told = 0;
  /** Who confirms a number behind this one has. */
  #heardBehind: number | undefined;

  constructor(
    mailbox: Mailbox,
    recipient: Recipient,
    link: Downstream,
    log: EventLog,
    limits: OutboxLimits,
    events: OutboxEvents,
  ) {
    this.#mailbox = mailbox;
    this.#recipient = recipient;
    this.#link = link;
    this.#log = log;
    this.#limits = limits;
    this.#events = events;
    this.#sentThrough = mailbox.confirmed;
    this.#redeliveredThrough = mailbox.highestSent;
  }

  /** Letters sent in this session that the device does not have for certain. */
  get unconfirmed(): number {
    if (this.#phase === 'held') return 0;
    return this.#mailbox.lettersThrough(this.#sentThrough);
  }

  get plaintext(): boolean {
    return this.#recipient.plaintext;
  }

  /** Letters that fill the window: unconfirmed, or without `delivery-ack` not taken. */
  get #inFlight(): number {
    return this.#recipient.mode === 'confirmed' ? this.unconfirmed : this.#transmitted - this.#taken;
  }

  /** The handshake is over: stored mail first, then live. */
  begin(): void {
    if (this.#phase === 'held') {
      this.#phase = 'behind';
      this.#announceMissed();
      this.pump();
    }
  }

  close(): void {
    this.#phase = 'closed';
  }

  /** A letter of this mailbox became durable in this turn, under `number`; its content is at hand. */
  offer(letter: Letter, number: number, type: number, channel: number, payload: Uint8Array): void {
    if (this.#phase !== 'live' || !serialAfter(number, this.#sentThrough)) return;
    if (letter.waiting > 0 && this.#hasRoom()) {
      this.#passOver(number);
      this.#transmit(number, type, channel, payload);
    } else {
      this.#phase = 'behind';
    }
  }

  /** A frame that is never stored. False when it was dropped because the link is full. */
  sendLive(type: number, channel: number, payload: Uint8Array): boolean {
    if (this.#phase === 'held' || this.#phase === 'closed') return true;
    if (!this.#recipient.canRead(type, payload)) {
      this.#events.withheld(type);
      return true;
    }
    if (this.#link.backlog(this.#recipient.number) >= this.#limits.backlogBytes) return false;
    const sequence = this.#recipient.nextRelaySequence();
    this.#link.send(this.#recipient.number, type, channel, sequence, payload);
    this.#recipient.markDirty();
    return true;
  }

  /** Sends what may go now: called when the window or the link has room again. */
  pump(): void {
    if (this.#phase !== 'behind' || this.#reading) return;
    if (!this.#skipHoles()) {
      this.#phase = 'live';
      return;
    }
    const first = serialNext(this.#sentThrough);
    const waiting = serialDistance(first, this.#mailbox.next);
    const room = Math.min(waiting, this.#limits.window - this.#inFlight, this.#limits.page);
    if (room > 0 && this.#link.backlog(this.#recipient.number) < this.#limits.backlogBytes) {
      void this.#sendPage(first, room);
    }
  }

  /** `taken` mode: the mark for the next flush, or 0 when it carries no letter. */
  takeMark(): number {
    if (this.#recipient.mode !== 'taken' || this.#transmitted === this.#marked) return 0;
    this.#marked = this.#transmitted;
    return this.#marked;
  }

  /** `taken` mode: the transport has taken all letters up to this mark: more may go. */
  taken(mark: number): void {
    if (mark > this.#taken) {
      this.#taken = mark;
      this.pump();
    }
  }

  /** `taken` mode: the peer's transport has received all letters up to this mark: they are delivered. */
  received(mark: number): void {
    if (this.#phase !== 'closed' && mark > this.#received) {
      this.#received = mark;
      this.#confirm((this.#sentThrough - (this.#transmitted - mark)) >>> 0);
    }
  }

  /** `confirmed` mode: false when the number was never sent. */
  confirm(claimed: number): boolean {
    const number = this.#mailbox.confirmedBy(claimed);
    if (serialAfter(number, this.#sentThrough)) {
      // A device may confirm at once what an earlier session sent it; those letters need not go again.
      const result = this.#mailbox.confirm(number);
      if (!result.ok) return false;
      this.#sentThrough = number;
      this.#heardBehind ??= number;
      this.#events.released(result.letters, this.#mailbox);
    } else if (!this.#confirm(number)) {
      return false;
    } else {
      this.#noteHeard(number);
    }
    this.pump();
    return true;
  }

  /**
   * Who confirms a letter that it got in this session has heard what was said before it. Its first confirmation may be one
   * of an earlier session's letters.
   */
  #noteHeard(number: number): void {
    if (this.#told === 0) return;
    this.#heardBehind ??= number;
    if (serialAfter(number, this.#heardBehind) || serialAfter(number, this.#redeliveredThrough)) {
      this.#mailbox.noteHeard(this.#told);
      this.#told = 0;
      this.#events.released([], this.#mailbox);
    }
  }

  #confirm(number: number): boolean {
    const result = this.#mailbox.confirm(number);
    if (result.ok && result.letters.length > 0) this.#events.released(result.letters, this.#mailbox);
    return result.ok;
  }

  #hasRoom(): boolean {
    return (
      this.#inFlight < this.#limits.window &&
      this.#link.backlog(this.#recipient.number) < this.#limits.backlogBytes
    );
  }

  /**
   * Passes over letters that expired or are gone. False when nothing is behind them: a gap is announced with the letter
   * behind it, which may come much later, live.
   */
  #skipHoles(): boolean {
    const number = this.#mailbox.firstFrom(serialNext(this.#sentThrough));
    if (number === this.#mailbox.next) return false;
    this.#passOver(number);
    return true;
  }

  /** Tells the client which numbers before this one it will never see, if any. */
  #passOver(number: number): void {
    const first = serialNext(this.#sentThrough);
    if (number === first) return;
    let from = first;
    for (const skipped of this.#mailbox.skippedBetween(first, number)) {
      this.#announceGap(from, skipped.from);
      from = skipped.to;
    }
    this.#announceGap(from, number);
    this.#transmitted += serialDistance(first, number);
    this.#sentThrough = (number - 1) >>> 0;
    this.#mailbox.noteSent(this.#sentThrough);
    this.#recipient.markDirty();
  }

  /** Tells a device that was away that its mailbox was full, and how many frames never got in. */
  #announceMissed(): void {
    const { missed } = this.#mailbox;
    if (missed === 0 || this.#recipient.mode !== 'confirmed') return;
    this.#told = missed;
    const detail = `${missed} frames were not stored for this device: its mailbox was full`;
    const sequence = this.#recipient.nextControlSequence();
    const payload = errorPayload('mailbox_full', detail, { missed });
    this.#link.send(this.#recipient.number, FRAME.ERROR, 0, sequence, payload);
    this.#recipient.markDirty();
  }

  /** Says that the letters from `from` to below `end`, if any, are gone. */
  #announceGap(from: number, end: number): void {
    if (from === end || this.#recipient.mode !== 'confirmed') return;
    const to = (end - 1) >>> 0;
    const detail = `stored frames ${from} to ${to} expired before they could be delivered`;
    const payload = errorPayload('expired', detail, { from, to });
    const sequence = this.#recipient.nextControlSequence();
    this.#link.send(this.#recipient.number, FRAME.ERROR, 0, sequence, payload);
  }

  #transmit(number: number, type: number, channel: number, payload: Uint8Array): void {
    this.#sentThrough = number;
    this.#transmitted += 1;
    this.#mailbox.noteSent(number);
    if (!this.#recipient.canRead(type, payload)) {
      this.#events.withheld(type);
      if (this.#transmitted === this.#received + 1) {
        // Nothing is on its way whose progress could release it.
        this.#taken = this.#transmitted;
        this.#marked = this.#transmitted;
        this.#received = this.#transmitted;
        this.#confirm(number);
      }
      return;
    }
    const confirmed = this.#recipient.mode === 'confirmed';
    const sequence = confirmed ? number : this.#recipient.nextRelaySequence();
    this.#link.send(this.#recipient.number, type, channel, sequence, payload);
    const again = !serialAfter(number, this.#redeliveredThrough);
    this.#events.delivered(type, again);
    this.#recipient.markDirty();
  }

  async #sendPage(first: number, count: number): Promise<void> {
    this.#reading = true;
    const refs: EventRef[] = [];
    for (let index = 0, number = first; index < count; index += 1, number = serialNext(number)) {
      const letter = this.#mailbox.letter(number);
      // A hole ends the page: it is announced before the letter behind it.
      if (letter === undefined) break;
      refs.push({ stream: letter.mail.name, revision: letter.revision });
    }
    try {
      const events = await this.#log.readEvents(refs);
      this.#reading = false;
      this.#sendRead(first, events);
    } catch (error) {
      this.#reading = false;
      if (this.#phase !== 'closed') this.#events.failed(error, this.#recipient.number);
    }
  }

  #sendRead(first: number, events: Awaited<ReturnType<EventLog['readEvents']>>): void {
    let number = first;
    for (const event of events) {
      // A confirmation that ran ahead, or the end of the session, may have overtaken the reading.
      if (this.#phase !== 'behind' || number !== serialNext(this.#sentThrough)) break;
      if (event === undefined) {
        this.#passOver(serialNext(number));
      } else {
        if (!this.#hasRoom()) break;
        const mail = decodeMailFrame(event.data);
        this.#transmit(number, mail.frameType, mail.channel, mail.payload);
      }
      number = serialNext(number);
    }
    this.pump();
  }
}
