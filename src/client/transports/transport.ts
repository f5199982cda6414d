/**
 * How bytes get to `/connect` (PROTOCOL.md 2). The client needs nothing else from the network, so that another door, or
 * a test, is one implementation of this. Where a chunk ends means nothing.
 */
export interface Transport {
  /** Set by a transport that cannot find out by itself whether the peer is alive: the client then asks it. */
  readonly silence?: Silence | undefined;
  /**
   * Opens one connection. Nothing of `receiver` is called before the promise is fulfilled; when it is rejected, or
   * `signal` is aborted before, nothing stays open.
   *
   * @param ticket what the server gave the device, to show with the request (PROTOCOL.md 2.1); a transport that cannot is a
   *   stranger's
   * @throws ClientError, `retryable` when another attempt may succeed
   */
  open(receiver: TransportReceiver, signal: AbortSignal, ticket?: string): Promise<TransportConnection>;
}

/** When a silent peer is asked, and when it is given up. */
export interface Silence {
  /** Milliseconds without a byte from the peer until the question. */
  readonly afterMs: number;
  /** Milliseconds from the question in which a byte must arrive. */
  readonly timeoutMs: number;
}

/** What a transport calls when bytes come down, and when its connection ends. */
export interface TransportReceiver {
  /** Bytes from the peer. They must never change afterwards. */
  chunk(bytes: Uint8Array): void;
  /** The last call: the peer ended (no error), or the connection broke. Not called after `destroy`. */
  closed(error?: Error): void;
}

/** An open connection of a transport: bytes go up through it. */
export interface TransportConnection {
  /** Bytes that were written and that the network has not taken yet. */
  readonly backlog: number;
  /** Sends bytes, which must not change afterwards. Without effect when the connection is gone. */
  write(bytes: Uint8Array): void;
  /** Stops, and goes on with, calling `chunk`, so that the peer has to wait. */
  pause(): void;
  resume(): void;
  /** Sends what was written, then ends our direction; `closed` follows when the peer has ended too. */
  end(): void;
  /** Drops the connection at once. */
  destroy(): void;
}
