import { serialAfter, serialDistance } from '../protocol/serial.ts';
import { Deque } from './deque.ts';
import type { Letter } from './letter.ts';
import type { LiveOutbox } from './live-outbox.ts';

/** Refused sequences that a mailbox remembers. */
const REFUSED_MAX = 256;

/** What `Mailbox.confirm` found: how many letters are done, or that the number was never sent. */
export type Confirmation =
  | { readonly ok: true; readonly letters: readonly Letter[] }
  | { readonly ok: false };

/** How much one mailbox may hold. What is on its way to the disk is not counted yet. */
export interface MailboxCapacity {
  readonly frames: number;
  /** Of what the letters take on disk, each shared by its recipients. */
  readonly bytes: number;
}

/**
 * The inbox of one device: its counters and the letters that it has not confirmed. Letters are numbered without gaps
 * from `#base` on; one that expired or is damaged in the log leaves a hole (PROTOCOL.md 11).
 */
export class Mailbox {
  readonly device: string;
  /** The live session's outbox. */
  outbox: LiveOutbox | undefined;
  /** Highest inbox number that the device has. */
  #confirmed = 0;
  /** Inbox number of the first letter of the queue, or of the next one to come. */
  #base = 1;
  readonly #letters = new Deque<Letter | undefined>();
  /** This device's shares of what the letters take on disk. */
  #bytes = 0;
  /** Frames that were not stored because the mailbox was full, and of which the device has not been told. */
  missed = 0;
  /** Bytes of what the device has posted and what waits for the disk. */
  collectedBytes = 0;
  /** Numbers given to letters that are not durable yet. */
  #reserved = 0;
  /** Upstream sequences that were refused for want of room; the newest ones. */
  #refused: Set<number> | undefined;
  /** Highest number that any session of this device was sent. */
  #highestSent = 0;
  /**
   * Highest upstream sequence in the log, and highest one accepted for it (PROTOCOL.md 11, resume); undefined before the
   * first one, because 0 is a sequence too, once the device's counter has wrapped.
   */
  received: number | undefined;
  accepted: number | undefined;

  constructor(device: string) {
    this.device = device;
  }

  get confirmed(): number {
    return this.#confirmed;
  }

  /** The inbox number of the next durable letter. */
  get next(): number {
    return (this.#base + this.#letters.length) >>> 0;
  }

  get base(): number {
    return this.#base;
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

  /** Numbers a letter on its way into the log. */
  reserve(): number {
    const number = (this.next + this.#reserved) >>> 0;
    this.#reserved += 1;
    return number;
  }

  /** The log refused: the numbers are free again. */
  releaseReserved(): void {
    this.#reserved = 0;
  }

  /** The letter is durable; returns its number. Letters arrive in the order of their reservation. */
  push(letter: Letter): number {
    const number = this.next;
    this.#reserved -= 1;
    this.#letters.push(letter);
    this.#bytes += letter.bytes;
    return number;
  }

  /** A durable frame of this device was refused although it was in order: sent again, it is refused again. */
  noteRefused(sequence: number): void {
    this.#refused ??= new Set();
    if (this.#refused.size >= REFUSED_MAX) {
      const [oldest] = this.#refused;
      this.#refused.delete(oldest ?? sequence);
    }
    this.#refused.add(sequence);
  }

  wasRefused(sequence: number): boolean {
    return this.#refused?.has(sequence) === true;
  }

  /** The letter with this inbox number; `undefined` for a hole and outside the queue. */
  letter(number: number): Letter | undefined {
    return this.#letters.at(serialDistance(this.#base, number));
  }

  noteSent(number: number): void {
    if (serialAfter(number, this.#highestSent)) {
      this.#highestSent = number;
    }
  }

  /** The device has everything up to `number`. A lower or equal number changes nothing. */
  confirm(number: number): Confirmation {
    if (!serialAfter(number, this.#confirmed)) {
      return { ok: true, letters: [] };
    }
    if (serialAfter(number, this.#highestSent)) {
      return { ok: false };
    }
    return { ok: true, letters: this.#advance(number) };
  }

  /** Drops letters up to `number`, which must lie below `next`. */
  #advance(number: number): Letter[] {
    const done: Letter[] = [];
    while (this.#letters.length > 0 && !serialAfter(this.#base, number)) {
      const letter = this.#letters.shift();
      if (letter !== undefined) {
        this.#bytes -= letter.bytes;
        done.push(letter);
      }
      this.#base = (this.#base + 1) >>> 0;
    }
    this.#confirmed = number;
    return done;
  }

  /** Drops letters at the front that expired and that no session has in flight; they leave a gap in the numbers. */
  expire(now: number): Letter[] {
    const expired: Letter[] = [];
    if (this.outbox !== undefined && this.outbox.unconfirmed > 0) {
      return expired;
    }
    while (this.#letters.length > 0) {
      const letter = this.#letters.at(0);
      if (letter !== undefined && letter.expiresAt > now) {
        break;
      }
      this.#letters.shift();
      this.#base = (this.#base + 1) >>> 0;
      if (letter !== undefined) {
        this.#bytes -= letter.bytes;
        expired.push(letter);
      }
    }
    return expired;
  }

  /** While the log is read at start: a letter with the number it was given. */
  restoreLetter(number: number, letter: Letter): boolean {
    if (this.#confirmed !== 0 && !serialAfter(number, this.#confirmed)) {
      return false;
    }
    if (this.#letters.length === 0) {
      if (this.#base !== 1 && serialAfter(this.#base, number)) {
        return false;
      }
      this.#base = number;
    }
    if (serialDistance(this.#base, number) < this.#letters.length) {
      return false;
    }
    while (this.next !== number) {
      this.#letters.push(undefined);
    }
    this.#letters.push(letter);
    this.#bytes += letter.bytes;
    this.#highestSent = number;
    return true;
  }

  /** `received` as the counters in the log hold it: 0 for none, 2^32 for the sequence 0. */
  get receivedToStore(): number {
    return this.received === undefined ? 0 : this.received === 0 ? 0x1_0000_0000 : this.received;
  }

  /** While the log is read at start: the counters as they were last written. Returns the letters that are done. */
  restoreCounters(confirmed: number, next: number, received: number): Letter[] {
    // The log is read in order: the newest counters hold, wherever on the circle they stand.
    const done = this.#advance(confirmed);
    if (this.#letters.length === 0 && (this.#base === 1 || serialAfter(next, this.#base))) {
      this.#base = next;
    }
    this.#highestSent = (this.next - 1) >>> 0;
    if (received !== 0) {
      this.restoreReceived(received >>> 0);
    }
    return done;
  }

  /** While the log is read at start: an upstream sequence of this device. */
  restoreReceived(sequence: number): void {
    if (this.received === undefined || serialAfter(sequence, this.received)) {
      this.received = sequence;
      this.accepted = sequence;
    }
  }
}
