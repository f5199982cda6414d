export interface OpenOptions {
  /** Of the device in the store, and its id. */
  readonly name: string;
  /** @default the page's own origin */
  readonly url?: string;
  readonly heartbeatMs?: number;
  readonly heartbeatTimeoutMs?: number;
  /** Whether messages are read at once. @default true */
  readonly reads?: boolean;
}

/** How a device lies in IndexedDB. */
export interface StoredFacts {
  readonly text: string;
  readonly extractable: boolean;
  /** What became of an attempt to export the wrapping key. */
  readonly exported: string;
}

/** What the tests call in a page. */
export interface Harness {
  /** Opens a session and begins to read. Returns the hex of the device's public key. */
  open(options: OpenOptions): Promise<string>;
  /** Closes every handle of IndexedDB without an event, as browsers do. Returns how many were open. */
  closeDatabases(): number;
  read(): void;
  join(channel: number, peer: string): Promise<void>;
  /** Resolves when the server has all of them. */
  send(channel: number, ...lines: string[]): Promise<void>;
  /** `stored`, or the code of the error. */
  sendBytes(channel: number, length: number): Promise<string>;
  close(): Promise<void>;
  /** What was received, once it is so many. */
  texts(count: number): Promise<string[]>;
  /** What was received, once this text is among it. */
  textsUntil(awaited: string): Promise<string[]>;
  /** What happened, once this event is among it. */
  events(awaited: string): Promise<string[]>;
  stored(name: string): Promise<StoredFacts>;
  /** What a device store in IndexedDB keeps, forgets and refuses, told by the outcome of each step. */
  exerciseStore(): Promise<Record<string, string>>;
}
