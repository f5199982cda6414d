/** A frame as it came. */
export interface Arrived {
  readonly type: number;
  readonly channel: number;
  readonly sequence: number;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: the model looks into arbitrary JSON
  readonly json: any;
}

/** What the handshake's ACK says to a device with extensions. */
export interface Welcome {
  readonly inbox?:
    | { readonly confirmed: number; readonly next: number; readonly epoch?: string | undefined }
    | undefined;
  readonly resume?:
    | {
        readonly received: number;
        readonly epoch?: string | undefined;
        readonly refused?: readonly { readonly sequence: number; readonly error: string }[] | undefined;
      }
    | undefined;
}

/** One connection of a device, simulated or real. */
export interface Connection {
  readonly welcome: Welcome;
  /** What has come; the device takes it out. */
  readonly frames: Arrived[];
  /** Set when the server has ended the session. */
  readonly endedBecause: string | undefined;
  post(type: number, channel: number, body: string, sequence: number): void;
}

/** What the device asks itself when a session says that the server cannot store. */
export interface Weather {
  /** Whether the disk has refused or held something since that moment. */
  wasRough(since: number): boolean;
  now(): number;
}
