/** What delivery needs of the gateway; the relay port's `LinkPort` is one. */
export interface Downstream {
  send(session: number, type: number, channel: number, sequence: number, payload: Uint8Array): void;
  flush(session: number, mark: number): void;
  backlog(session: number): number;
}

/** One connected session as delivery sees it. */
export interface Recipient {
  /** What the gateway calls it. */
  readonly number: number;
  /** `confirmed`: the client confirms inbox numbers (`delivery-ack`); `taken`: the transport's progress counts. */
  readonly mode: 'confirmed' | 'taken';
  /** The session is of the plaintext generation (PROTOCOL.md 10). */
  readonly plaintext: boolean;
  /** Sequence of a relayed frame that has no inbox number. */
  nextRelaySequence(): number;
  nextControlSequence(): number;
  /** Whether the client survives this frame (PROTOCOL.md 10); always true for current clients. */
  readonly canRead: (type: number, payload: Uint8Array) => boolean;
  /** Something is queued for the session: it wants a flush at the end of the turn. */
  markDirty(): void;
}
