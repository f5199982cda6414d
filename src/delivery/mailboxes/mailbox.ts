import { serialAfter, serialNext } from '../../protocol/serial.ts';
import { Deque } from './deque.ts';
import { type InboxGap, InboxGaps } from './inbox-gaps.ts';
import { Lane } from './lane.ts';
import type { Letter } from './letter.ts';
import type { LiveOutbox } from './live-outbox.ts';

/** What `Mailbox.confirm` found: how many letters are done, or that the number was never sent. */
export type Confirmation =
  | { readonly ok: true; readonly letters: readonly Letter[] }
  | { readonly ok: false };

/** The counters of a mailbox as the log has them. */
export interface StoredCounters {
  readonly confirmed: number;
  readonly next: number;
  readonly missed: number;
  readonly expired: number | undefined;
}

/** How much one mailbox may hold. What is on its way to the disk is not counted yet. */
export interface MailboxCapacity {
  readonly frames: number;
  /** Of what the letters take on disk, each shared by its recipients. */
  readonly bytes: number;
}

/**
 * The inbox of one device: its counters and the letters that it has not confirmed. Letters are numbered upwards from
 * `#base`; one that is damaged in the log leaves a gap, and so does a new history of the log (PROTOCOL.md 11).
 *
 * A letter is accepted (numbered, on its way to the log), then delivered when it is durable, or taken back when the log
 * refuses; it is refused when there is no room; it is confirmed once the device has it. The lane has the same verbs for what
 * the device sends. Nothing else writes a mailbox while the server runs, but for the expiry of letters.
 */
export class Mailbox {
  readonly device: string;
  /** Of the live session. */
  #outbox: LiveOutbox | undefined;
  /** Highest inbox number that the device has. */
  #confirmed: number;
  /** Inbox number of the first letter of the queue, or of the next one to come. */
  #base: number;
  /** The inbox number of the next durable letter. */
  #next: number;
  /** The first number that the log's history may have given to this device. */
  #since: number;
  /** Whether the log told of this mailbox's counters, or numbers are given here. */
  #counted = false;
  #confirmedOnce = false;
  readonly #letters = new Deque<Letter>();
  readonly #gaps = new InboxGaps();
  /** This device's shares of what the letters take on disk. */
  #bytes = 0;
  #missed = 0;
  #collectedBytes = 0;
  /** Letters that are numbered and not durable yet. */
  #accepted = 0;
  /** Highest number that any session of this device was sent. */
  #highestSent: number;
  /** The way of the device's own frames into the log. */
  readonly lane = new Lane();

  /** @param first the number of its first letter */
  constructor(device: string, first = 1) {
    this.device = device;
    this.#base = first;
    this.#next = first;
    this.#since = first;
    this.#confirmed = (first - 1) >>> 0;
    this.#highestSent = this.#confirmed;
  }

  get confirmed(): number {
    return this.#confirmed;
  }

  /** The inbox number of the next durable letter. */
  get next(): number {
    return this.#next;
  }

  get since(): number {
    return this.#since;
  }

  /** Whether the device has ever confirmed a letter, as far as the log remembers. */
  get hasConfirmed(): boolean {
    return this.#confirmedOnce;
  }

  get base(): number {
    return this.#base;
  }

  /**
   * Letters up to this number have expired, though the device has not confirmed them. A restart must not bring them back:
   * the device has been told that they are gone, and the time that it measures may be another (`MailClock`).
   */
  get expired(): number | undefined {
    const last = (this.#base - 1) >>> 0;
    return last === this.#confirmed ? undefined : last;
  }

  get highestSent(): number {
    return this.#highestSent;
  }

  get stored(): number {
    return this.#letters.length;
  }

  get storedBytes(): number {
    return this.#bytes;
  }

  hasRoom(capacity: MailboxCapacity): boolean {
    return this.#letters.length < capacity.frames && this.#bytes < capacity.bytes;
  }

  /** Frames that were not stored because the mailbox was full, and of which the device does not know for certain. */
  get missed(): number {
    return this.#missed;
  }

  /** Bytes of what the device has posted and what waits for the disk. */
  get collectedBytes(): number {
    return this.#collectedBytes;
  }

  /** Something that the device has posted waits for the disk, or, with a negative number of bytes, waits no more. */
  noteCollected(bytes: number): void {
    this.#collectedBytes += bytes;
  }

  /** Whether the device has a live session. */
  get isConnected(): boolean {
    return this.#outbox !== undefined;
  }

  /** The live session, if there is one, is of the plaintext generation (PROTOCOL.md 10). */
  get isPlaintext(): boolean {
    return this.#outbox?.plaintext === true;
  }

  /** A session begins: what is delivered from now on is offered to its outbox. */
  attach(outbox: LiveOutbox): void {
    this.#outbox = outbox;
  }

  /** The session of this outbox has ended. A newer one keeps what is its own: false then. */
  detach(outbox: LiveOutbox | undefined): boolean {
    if (outbox === undefined || this.#outbox !== outbox) return false;
    this.#outbox = undefined;
    return true;
  }

  /** Passes a frame that is never stored to the live session, if any. False when its link is full. */
  sendLive(type: number, channel: number, payload: Uint8Array): boolean {
    return this.#outbox === undefined || this.#outbox.sendLive(type, channel, payload);
  }

  /** A letter goes to the log, under the number that is returned. */
  accept(): number {
    const number = (this.#next + this.#accepted) >>> 0;
    this.#accepted += 1;
    return number;
  }

  /** The log has refused what was accepted: the numbers are free again. */
  takeBack(): void {
    this.#accepted = 0;
  }

  /** The letter is durable, and its content at hand. Letters arrive in the order in which they were accepted. */
  deliver(letter: Letter, type: number, channel: number, payload: Uint8Array): void {
    if (this.#accepted === 0) throw new RangeError('a letter is accepted before it is delivered');
    const number = this.#next;
    this.#next = serialNext(number);
    this.#accepted -= 1;
    this.#letters.push(letter);
    this.#bytes += letter.bytes;
    this.#outbox?.offer(letter, number, type, channel, payload);
  }

  /** A frame for the device is not stored: there is no room. */
  refuse(): void {
    this.#missed += 1;
  }

  /** The device knows of so many of the frames that it missed. */
  noteHeard(missed: number): void {
    if (missed > this.#missed) throw new RangeError(`${this.#missed} frames were missed, not ${missed}`);
    this.#missed -= missed;
  }

  /** The letter with this inbox number; `undefined` in a gap and outside the queue. */
  letter(number: number): Letter | undefined {
    return this.#gaps.containing(number) === undefined
      ? this.#letters.at(this.#gaps.slots(this.#base, number))
      : undefined;
  }

  /** The number of the first letter at or behind `number`, or of the next one to come. */
  firstFrom(number: number): number {
    const from = serialAfter(this.#base, number) ? this.#base : number;
    return this.#gaps.containing(from)?.to ?? from;
  }

  /** Letters of the queue up to and including `number`; none when that lies before the queue. */
  lettersThrough(number: number): number {
    return Math.max(0, this.#gaps.slots(this.#base, serialNext(number)));
  }

  /** Numbers at or behind `first` and before `number` that a new history skipped. */
  skippedBetween(first: number, number: number): readonly InboxGap[] {
    return this.#gaps.skippedBetween(first, number);
  }

  /**
   * A new history of the log begins (PROTOCOL.md 11.2): numbers that another one may have given out are skipped. What waits
   * keeps its numbers; a device that has everything has nothing to hear of the gap.
   */
  skip(numbers: number): void {
    const from = this.#next;
    const to = (from + numbers) >>> 0;
    if (this.#letters.length === 0) {
      this.#base = to;
      this.#confirmed = (to - 1) >>> 0;
      this.#highestSent = this.#confirmed;
      this.#counted = true;
    } else {
      this.#gaps.add({ from, to, skipped: true });
    }
    this.#next = to;
    this.#since = to;
  }

  /**
   * What a device means that confirms `number`: a skipped number is one of another history, which shares with this one
   * everything before the gap.
   */
  confirmedBy(number: number): number {
    const gap = this.#gaps.containing(number);
    return gap?.skipped === true ? (gap.from - 1) >>> 0 : number;
  }

  noteSent(number: number): void {
    if (serialAfter(number, this.#highestSent)) this.#highestSent = number;
  }

  /** The device has everything up to `number`. A lower or equal number changes nothing. */
  confirm(number: number): Confirmation {
    if (!serialAfter(number, this.#confirmed)) return { ok: true, letters: [] };
    if (serialAfter(number, this.#highestSent)) return { ok: false };
    return { ok: true, letters: this.#advance(number) };
  }

  /** Drops letters up to `number`, which must lie below `next`. */
  #advance(number: number): Letter[] {
    const done = this.#dropThrough(number);
    this.#confirmed = number;
    this.#confirmedOnce = true;
    this.#gaps.dropBelow(serialNext(number));
    return done;
  }

  #dropThrough(number: number): Letter[] {
    const dropped: Letter[] = [];
    while (this.#letters.length > 0 && !serialAfter(this.#base, number)) {
      const letter = this.#shift();
      if (letter !== undefined) dropped.push(letter);
    }
    return dropped;
  }

  #shift(): Letter | undefined {
    const letter = this.#letters.shift();
    if (letter !== undefined) this.#bytes -= letter.bytes;
    this.#base = this.#letters.length === 0 ? this.#next : this.firstFrom(serialNext(this.#base));
    return letter;
  }

  /** Drops letters at the front that expired and that no session has in flight; they leave a gap in the numbers. */
  expire(now: number): Letter[] {
    const expired: Letter[] = [];
    if (this.#outbox !== undefined && this.#outbox.unconfirmed > 0) return expired;
    for (let letter = this.#letters.at(0); letter !== undefined; letter = this.#letters.at(0)) {
      if (letter.expiresAt > now) break;
      this.#shift();
      expired.push(letter);
    }
    return expired;
  }

  /** While the log is read at start: a letter with the number it was given. */
  restoreLetter(number: number, letter: Letter): boolean {
    if (this.#counted && !serialAfter(number, this.#confirmed)) return false;
    if (this.#letters.length === 0) {
      if (this.#counted && serialAfter(this.#base, number)) return false;
      this.#startAt(number);
    } else if (serialAfter(this.#next, number)) {
      return false;
    }
    this.#gaps.add({ from: this.#next, to: number, skipped: false });
    this.#next = serialNext(number);
    this.#letters.push(letter);
    this.#bytes += letter.bytes;
    this.#highestSent = number;
    return true;
  }

  /** While the log is read at start: nothing waits, and the next number is this one. */
  #startAt(number: number): void {
    this.#base = number;
    this.#next = number;
    // No letter below it will ever come: as good as the number that the history began with.
    this.#since = number;
  }

  /** While the log is read at start: the counters as they were last written. Returns the letters that are done. */
  restoreCounters({ confirmed, next, missed, expired }: StoredCounters): Letter[] {
    this.#missed = missed;
    // The log is read in order: the newest counters hold, wherever on the circle they stand.
    const never = !this.#confirmedOnce && confirmed === this.#confirmed;
    const done = this.#advance(confirmed);
    this.#confirmedOnce = !never;
    if (expired !== undefined) done.push(...this.#dropThrough(expired));
    if (this.#letters.length === 0 && (!this.#counted || serialAfter(next, this.#base))) this.#startAt(next);
    this.#counted = true;
    this.#highestSent = (this.#next - 1) >>> 0;
    return done;
  }
}
