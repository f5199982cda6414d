/** A duplex of bytes to a server, by whatever door. */
export interface ByteStream {
  /** Called with what arrives. */
  onData: (chunk: Uint8Array) => void;
  /** Called once when the other side or the connection is gone, unless `close` or `destroy` was called. */
  onLost: (error: Error) => void;
  /** Sends one unit: a DATA frame, a message of a WebSocket. The units of a turn leave in one write of the socket. */
  write(unit: Uint8Array): void;
  /** Ends our direction and resolves when the other one, and a connection that nobody shares, has ended, too. */
  close(): Promise<void>;
  /** Drops the connection and everything on it without a word. */
  destroy(): void;
}

/** Opens a stream to a path of a server; each way has its own idea of a connection. */
export type Dial = (path: string) => Promise<ByteStream>;

/** The server does not let us in by this door; the message tells why. */
export class DoorClosedError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'DoorClosedError';
  }
}
