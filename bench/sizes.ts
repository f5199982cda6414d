/** How many sessions a connection carries. */
export type Connections = 'own' | 'shared';

export interface Shape {
  readonly pairs: number;
  /** Messages of each sender that are not acknowledged. */
  readonly window: number;
}

export interface FanOutSize {
  readonly members: number;
  readonly connections: Connections;
}

/** What is measured, and how long the machine gets to warm up and to come to rest. Times in milliseconds. */
export interface Sizes {
  /** Before a measurement: the compilers of both sides have seen the load by then. */
  readonly warmUpMs: number;
  /**
   * A handshake runs through much code, each piece a few hundred times a second: the rate goes on rising for ten seconds
   * while V8 compiles it. Once per server.
   */
  readonly handshakeWarmUpMs: number;
  /** For the allocator and the collector, before memory is read. */
  readonly settleMs: number;
  readonly shapes: readonly Shape[];
  /** Whether read models in Postgres are among the features that are measured. */
  readonly readModels: boolean;
  readonly fanOut: readonly FanOutSize[];
  /** Messages that wait for a device. */
  readonly backlog: number;
  /** Devices that connect at once. */
  readonly storm: number;
  /** Idle sessions, ascending. */
  readonly idle: readonly number[];
  /** Connected sessions, ascending. */
  readonly sessions: readonly number[];
  /** Messages in store, ascending. */
  readonly stored: readonly number[];
  /** Threads of the gateway; 0: none of its own. */
  readonly workers: readonly number[];
}

export const FULL: Sizes = {
  warmUpMs: 1_000,
  handshakeWarmUpMs: 10_000,
  settleMs: 2_000,
  shapes: [
    { pairs: 8, window: 64 },
    { pairs: 32, window: 64 },
    { pairs: 200, window: 2 },
  ],
  readModels: true,
  fanOut: [
    { members: 200, connections: 'own' },
    { members: 1_000, connections: 'own' },
    { members: 1_000, connections: 'shared' },
    { members: 10_000, connections: 'shared' },
  ],
  backlog: 50_000,
  storm: 2_000,
  idle: [1_000, 5_000],
  sessions: [10, 100, 1_000, 5_000],
  stored: [1_000, 1_000_000],
  workers: [0, 1, 2],
};

/** Whether everything works, in seconds: the figures mean nothing. */
export const QUICK: Sizes = {
  warmUpMs: 50,
  handshakeWarmUpMs: 50,
  settleMs: 10,
  shapes: [{ pairs: 2, window: 4 }],
  readModels: false,
  fanOut: [{ members: 4, connections: 'shared' }],
  backlog: 300,
  storm: 6,
  idle: [2, 4],
  sessions: [4, 6],
  stored: [40],
  workers: [0, 1],
};
