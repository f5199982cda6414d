/** Binary encodings of the two event types of the hot path. Integers are little-endian. */

export interface MailRecipient {
  readonly device: string;
  /** The device's inbox number for this letter: 1, 2, 3, … modulo 2^32. */
  readonly inboxNumber: number;
}

/** `mail.posted`, stream `mail-<channel key>`: one letter and everybody who gets it. */
export interface MailPosted {
  readonly sender: string;
  /** Upstream sequence of the sender's frame. */
  readonly senderSequence: number;
  /** Whether that sequence counts for `resume`. */
  readonly resumable: boolean;
  readonly frameType: number;
  /** Channel number on the wire. */
  readonly channel: number;
  /** Unix seconds after which the letter is dropped undelivered. */
  readonly expiresAt: number;
  readonly recipients: readonly MailRecipient[];
  readonly payload: Uint8Array;
}

/** `inbox.advanced`, stream `inbox-<device>`, newest only: the device's mailbox counters. */
export interface InboxAdvanced {
  /** Highest inbox number that the device has; 0 at first. */
  readonly confirmed: number;
  /** The number that the next letter gets. */
  readonly next: number;
  /** Highest upstream sequence of this device in the log, for `resume`. */
  readonly received: number;
}
