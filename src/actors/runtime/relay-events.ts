import type { CountedLimit } from '../../limits/index.ts';

/** What the relay tells telemetry; the composition root turns it into metrics and log lines. */
export interface RelayEvents {
  sessionOpened(id: string, plaintext: boolean): void;
  sessionClosed(id: string, plaintext: boolean, reason: string): void;
  frameReceived(type: number): void;
  /** A call was offered for the first time. */
  callOffered(): void;
  /** A frame was answered by ERROR. */
  frameRefused(code: string): void;
  /** A limit of docs/limits.md was reached. */
  limitReached(limit: CountedLimit): void;
  /** Letters that became durable, and the mailbox entries that they make. */
  posted(letters: number, recipients: number): void;
  /** A durable frame was acknowledged that no device gets: nobody else takes part, or nobody has room. */
  storedForNobody(): void;
  /** A stored frame was handed to its device's connection. */
  sent(type: number, redelivery: boolean): void;
  /** Mailbox entries that their device has. */
  delivered(letters: number): void;
  expired(letters: number): void;
  withheld(type: number): void;
  /** A live-only frame was dropped: its recipient reads too slowly. */
  dropped(type: number): void;
  /** Something failed inside; the peer was told nothing but a code. */
  failed(what: string, error: unknown): void;
}
