/** What the table of links knows about a session, from its HELLO to its end. */
export interface Endpoint {
  send(type: number, channel: number, sequence: number, payload: Uint8Array): void;
  flush(mark: number): void;
  backlog(): number;
  /** Whether the peer is read from. */
  hold(held: boolean): void;
  /** The relay has closed the session: what is queued leaves, then the stream ends. */
  end(reason: string): void;
  /** Looks at deadlines. `now`: monotonic milliseconds. */
  tick(now: number): void;
  /** The server stops: the peer is told, and the relay. */
  shutDown(): void;
}
