import type { Letter } from './letter.ts';

/** What a mailbox and the post office know of the outbox of a device's live session. */
export interface LiveOutbox {
  /** Letters sent in this session that the device does not have for certain. */
  readonly unconfirmed: number;
  /** The session is of the plaintext generation (PROTOCOL.md 10). */
  readonly plaintext: boolean;
  /** A letter became durable in this turn, under this inbox number; its content is at hand. */
  offer(letter: Letter, number: number, type: number, channel: number, payload: Uint8Array): void;
  /** A frame that is never stored. False when it was dropped because the link is full. */
  sendLive(type: number, channel: number, payload: Uint8Array): boolean;
}
