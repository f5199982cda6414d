/** What the line-based modes say in clear about a frame. PROTOCOL.md 2.5, 2.6. */
export interface FrameLabel {
  readonly type: number;
  readonly channel: number;
  readonly sequence: number;
}

/**
 * What a chunk of `write` is to the peer:
 *
 * - `stream`: bytes; where a chunk ends means nothing
 * - `messages`: one frame or one record
 * - `labelled`: one frame, or one record with one frame in it, whose label the peer sees
 */
export type Framing = 'stream' | 'messages' | 'labelled';

/**
 * One duplex connection between a peer and us: what `/connect` runs over, whatever door it came through. What arrives is a
 * stream of bytes; where a chunk ends means nothing. PROTOCOL.md 2.
 */
export interface Transport {
  readonly framing: Framing;
  /** Delivers events to `handler` from now on, in place of an earlier one. Reading begins with the first call. */
  attach(handler: TransportHandler): void;
  /**
   * Writes all chunks in one go. They must not change before `taken`, which is called once, later, when the operating
   * system has them, and never if the transport fails first.
   *
   * @param labels one for each chunk where `framing` is `labelled`, else never looked at
   */
  write(chunks: readonly Uint8Array[], taken: () => void, labels: readonly FrameLabel[]): void;
  /**
   * Writes what keeps a silent connection alive, `taken` as in `write`. False, and nothing else: this mode has nothing of
   * the kind. PROTOCOL.md 2.8.
   */
  keepalive(taken: () => void): boolean;
  /**
   * Asks the peer's transport whether it has everything that was `taken` so far: a PING that comes back in HTTP/2 and in
   * WebSocket; where the protocol has no such answer, the operating system's word counts. `done(false)`: it could not be
   * asked, or the transport is gone.
   */
  confirm(done: (received: boolean) => void): void;
  /**
   * Ends our direction cleanly after what was written, and the connection once the peer has ended its own. What the peer still
   * sends is read and thrown away, and what is written from now on never leaves.
   *
   * @param reason a stable word that the peer may see
   */
  end(reason: string): void;
  /** Gives the connection up at once; bytes under way may be lost. */
  reset(): void;
  /** Stops reading, so that flow control reaches the peer. A chunk that is already here may still arrive. */
  pause(): void;
  resume(): void;
}

/** Called by a transport. After `onClosed` nothing more comes. */
export interface TransportHandler {
  onData(chunk: Uint8Array): void;
  /** The transport keeps so many bytes of what the peer has begun and not finished, and can pass nothing of it on. */
  onHeld?(bytes: number): void;
  /** The peer has ended its direction. */
  onEnd(): void;
  /**
   * Both directions are gone, whoever ended them. Once. `reason`: a stable word for metrics and the log, when it is not just a
   * lost connection.
   */
  onClosed(reason?: string): void;
}
