import { STREAMS } from '../../events/streams.ts';
import { RECORD_HEADER } from '../../log/append-check.ts';
import type { StreamName } from '../../log/event-log.ts';
import { Deque } from './deque.ts';

/** The mail of one channel: its stream in the log and the letters that somebody still waits for. */
export class MailStream {
  readonly name: StreamName;
  /** In revision order; the front is the first letter that is not released. */
  readonly letters = new Deque<Letter>();

  constructor(channelKey: string) {
    this.name = STREAMS.mail.stream(channelKey);
  }

  /** The letter is in the log, behind all others of the stream. */
  add(letter: Letter): void {
    this.letters.push(letter);
  }

  /** Forgets the released letters at the front; returns the revision to truncate before, or `undefined`. */
  trim(): number | undefined {
    let before: number | undefined;
    for (let letter = this.letters.at(0); letter?.waiting === 0; letter = this.letters.at(0)) {
      before = letter.revision + 1;
      this.letters.shift();
    }
    return before;
  }
}

/** Bytes that a letter takes on disk, by the length of its data: alone in its batch it would be a little more. */
export function letterBytes(dataLength: number): number {
  return RECORD_HEADER + dataLength;
}

/** What of a letter is charged to each of its recipients: together they pay for all of it. */
export function shareOf(bytes: number, recipients: number): number {
  return Math.ceil(bytes / Math.max(1, recipients));
}

/** One durable frame, as little of it as memory must hold: the log has the rest. */
export interface Letter {
  readonly mail: MailStream;
  readonly revision: number;
  /** What of it each recipient's mailbox counts. */
  readonly bytes: number;
  /** Time of `MailClock`, milliseconds. */
  readonly expiresAt: number;
  /** Devices that have neither confirmed it nor lost it to its expiry. */
  waiting: number;
}
