/**
 * - `idle`: `connect` was not called
 * - `connecting`: no session, an attempt runs or is due
 * - `connected`
 * - `closing`: `close` waits for answers
 * - `closed`: for good
 */
export type ClientState = 'idle' | 'connecting' | 'connected' | 'closing' | 'closed';

/** Options of `client.join`. */
export interface JoinOptions {
  /** Device ids of the other members. */
  readonly members?: readonly string[];
  /** @default false */
  readonly relay?: boolean;
  readonly groupId?: string;
}

/** Options of `client.send` and the other calls that wait for an answer. */
export interface SendOptions {
  /** Gives up waiting. A frame that was sent already may still arrive. */
  readonly signal?: AbortSignal;
}

/** Options of `client.close`. */
export interface CloseOptions {
  /** Milliseconds to wait for outstanding answers and the clean end. @default 5000 */
  readonly deadline?: number;
}
