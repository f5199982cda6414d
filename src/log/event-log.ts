/**
 * The port to the append-only event log, the only place where facts live. Semantics follow KurrentDB (streams,
 * revisions from 0, expected revision, truncate-before, `$maxAge`, `$maxCount`), so that an adapter for it stays thin.
 * Every adapter passes `test/kit/event-log.contract.ts`.
 */

declare const streamName: unique symbol;
/** The name of a stream: `src/events/streams.ts` makes it, and nobody else, or it was read from the log. */
export type StreamName = string & { readonly [streamName]: true };

/** `any`: no check. `no-stream`: the stream must have no event yet. A number: the revision of its last event. */
export type ExpectedRevision = 'any' | 'no-stream' | number;

export interface NewEvent {
  /** A name from the table in `events.ts`, past tense. */
  readonly type: string;
  /** Encoded by `events.ts`; the log never looks inside. The log has copied it when `append` returns its promise. */
  readonly data: Uint8Array;
}

export interface StreamAppend {
  readonly stream: StreamName;
  readonly expected: ExpectedRevision;
  readonly events: readonly NewEvent[];
}

export interface Appended {
  /** Global position of the last event of this stream in the append. */
  readonly position: number;
  /** Revision of that event. */
  readonly revision: number;
}

export interface RecordedEvent {
  /** Strictly increasing over the whole log; gaps are possible. */
  readonly position: number;
  readonly stream: StreamName;
  /** 0, 1, 2, … in the stream. */
  readonly revision: number;
  readonly type: string;
  /** Milliseconds since the Unix epoch, by the writer's clock. */
  readonly recordedAt: number;
  readonly data: Uint8Array;
}

export interface EventRef {
  readonly stream: StreamName;
  readonly revision: number;
}

export interface StreamMetadata {
  /** Seconds; older events are as good as gone. */
  readonly maxAge?: number;
  /** Only the newest n events are kept. */
  readonly maxCount?: number;
  /** Events below this revision are as good as gone. */
  readonly truncateBefore?: number;
}

export interface StreamState extends StreamMetadata {
  /** Revision of the last event; -1 when the stream has never had one. Survives truncation. */
  readonly lastRevision: number;
}

export interface ReadStreamOptions {
  /** Default 0. */
  readonly fromRevision?: number;
  /** Default: all. */
  readonly limit?: number;
}

export interface ReadAllOptions {
  /** Only events with a position above this one. Default: from the beginning. */
  readonly after?: number;
  /** Only streams of these categories (the part of the name before the first `-`). */
  readonly categories?: readonly string[];
}

export interface Subscription extends AsyncDisposable {
  /** Settles when the subscription has ended; rejects with the error that ended it. */
  readonly done: Promise<void>;
}

/**
 * Receives durable events in position order: first what is there (catch-up), then live. Called with one batch at a
 * time; the next one waits for the promise, so a slow reader holds nothing but itself back.
 */
export type Subscriber = (events: readonly RecordedEvent[]) => Promise<void> | void;

export interface EventLog extends AsyncDisposable {
  /**
   * Appends to one or several streams of one retention class, all or nothing, and resolves when it is durable.
   * Appends are in the log in the order of the calls. Concurrent calls share one flush (group commit).
   *
   * @throws LogError `LOG_WRONG_REVISION` when an expected revision does not hold: nothing has changed.
   * @throws LogError `LOG_INVALID` when it can never be taken; `appendLimit`.
   * @throws LogError `LOG_UNAVAILABLE` when the disk refused (full, failing): nothing is acknowledged; `retryable` says whether a later append may succeed.
   */
  append(appends: readonly StreamAppend[]): Promise<readonly Appended[]>;
  readStream(stream: StreamName, options?: ReadStreamOptions): AsyncIterable<RecordedEvent>;
  /** The named events, in the order asked for; `undefined` where one is truncated, expired or was never there. */
  readEvents(refs: readonly EventRef[]): Promise<readonly (RecordedEvent | undefined)[]>;
  /** Durable events in position order at the time of the call, all retention classes merged. */
  readAll(options?: ReadAllOptions): AsyncIterable<RecordedEvent>;
  subscribeAll(subscriber: Subscriber, options?: ReadAllOptions): Subscription;
  /** Drops all events below the revision; their space is given back some time later. Lower than before: no effect. */
  truncate(stream: StreamName, beforeRevision: number): Promise<void>;
  streamState(stream: StreamName): Promise<StreamState>;
  setStreamMetadata(stream: StreamName, metadata: StreamMetadata): Promise<void>;
  /**
   * What one append may hold, in bytes as `eventCost` counts them. A larger one is refused for good (`LOG_INVALID`),
   * however empty the disk is: whoever collects the work of many cuts it before.
   */
  readonly appendLimit: number;
  /** Position of the newest durable event; 0 in an empty log (the first event has position 1). */
  readonly headPosition: number;
  /** False from the first failed write until a later one succeeds. */
  readonly healthy: boolean;
  /**
   * Id of the log's history, 32 lower-case hex digits. Another one begins when the log turns out to be a copy or a
   * restored backup: numbers that were given out before may then belong to a history that this log does not know.
   */
  readonly epoch: string;
}
