import { frameLength } from '../../protocol/frames/frame.ts';
import { FRAME } from '../../protocol/frames/frame-types.ts';
import { LIMITS } from '../../protocol/limits.ts';
import { ClientError } from '../values/client-error.ts';
import type { Receipt } from './receipt.ts';

/**
 * - `durable`: kept until the log has it; sent again with the same sequence
 * - `membership`: JOIN and LEAVE; sent again with a new sequence, in its place among the durable ones
 * - `live`: asks for an answer, lost with its connection
 * - `rejoin`: a JOIN of ours that nobody waits for
 */
export type Kind = 'durable' | 'membership' | 'live' | 'rejoin';

/** A frame that waits for its answer, or for room. */
export interface Entry {
  readonly kind: Kind;
  readonly type: number;
  readonly channel: number;
  readonly payload: Uint8Array;
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: unknown) => void;
  sequence: number;
  /** What the server said when it could not store the frame; decided at the next connection. */
  refusal: ClientError | undefined;
  abandoned: boolean;
}

const NOBODY = (): void => undefined;

export function newEntry(
  frame: Pick<Entry, 'kind' | 'type' | 'channel' | 'payload'>,
  waiting: Pick<Entry, 'resolve' | 'reject'> = { resolve: NOBODY, reject: NOBODY },
): Entry {
  const { kind, type, channel, payload } = frame;
  const { resolve, reject } = waiting;
  return { kind, type, channel, payload, resolve, reject, sequence: 0, refusal: undefined, abandoned: false };
}

/** Lets a signal end the waiting. With the answer nothing of it stays behind in the signal, which may live for long. */
export function abortable(
  signal: AbortSignal,
  waiting: Pick<Entry, 'resolve' | 'reject'>,
  abandon: () => void,
): Pick<Entry, 'resolve' | 'reject'> {
  const abort = (): void => {
    abandon();
    const text = 'waiting for the answer was aborted';
    waiting.reject(new ClientError('CLIENT_ABORTED', text, { cause: signal.reason }));
  };
  const release = (): void => signal.removeEventListener('abort', abort);
  signal.addEventListener('abort', abort, { once: true });
  return {
    resolve: (receipt) => {
      release();
      waiting.resolve(receipt);
    },
    reject: (error) => {
      release();
      waiting.reject(error);
    },
  };
}

/** A JOIN with this payload that nobody waits for. */
export function rejoin(channel: number, payload: Uint8Array): Entry {
  return newEntry({ kind: 'rejoin', type: FRAME.JOIN, channel, payload });
}

/** Why a frame cannot be sent at all. */
export function checkSize(channel: number, payload: Uint8Array): ClientError | undefined {
  if (channel >>> 0 !== channel) {
    return new ClientError('CLIENT_OPTIONS', `a channel is an integer from 0 to ${LIMITS.MAX_CHANNEL}`);
  }
  const length = frameLength(channel, LIMITS.MAX_SEQUENCE, payload.length);
  if (length <= LIMITS.MAX_RECORD_PLAINTEXT) return undefined;
  return new ClientError(
    'CLIENT_TOO_LARGE',
    `a frame has up to ${LIMITS.MAX_RECORD_PLAINTEXT} bytes, this one ${length}`,
  );
}
