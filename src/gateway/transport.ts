/**
 * One duplex byte stream between a peer and us: what `/connect` runs over, whatever door it came through. Bytes only;
 * where a chunk ends means nothing. PROTOCOL.md 2.
 */
export interface Transport {
  /** Delivers events to `handler` from now on, in place of an earlier one. Reading begins with the first call. */
  attach(handler: TransportHandler): void;
  /**
   * Writes all chunks in one go. They must not change before `taken`, which is called once, later, when the operating
   * system has them, and never if the transport fails first.
   */
  write(chunks: readonly Uint8Array[], taken: () => void): void;
  /**
   * Asks the peer's transport whether it has everything that was written so far: a PING that comes back in HTTP/2; where
   * the protocol has no such answer, the operating system's word counts. `done(false)`: it could not be asked.
   */
  confirm(done: (received: boolean) => void): void;
  /** Ends our direction cleanly after what was written. What the peer still sends is read and thrown away. */
  end(): void;
  /** Gives the stream up at once; bytes under way may be lost. */
  reset(): void;
  /** Stops reading, so that flow control reaches the peer. A chunk that is already here may still arrive. */
  pause(): void;
  resume(): void;
}

/** Called by a transport. After `onClosed` nothing more comes. */
export interface TransportHandler {
  onData(chunk: Uint8Array): void;
  /** The peer has ended its direction. */
  onEnd(): void;
  /** Both directions are gone. */
  onClosed(): void;
}
