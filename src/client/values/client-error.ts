import { CommuCatError, type WireErrorCode } from '../../protocol/frames/errors.ts';
import type { Json } from './plain-json.ts';

/** What one code of ClientError says. `docs/client.md` lists this table. */
interface ClientErrorKind {
  /** Whether the same call, or the same connection, may succeed later without a change by the caller. */
  readonly retryable: boolean;
  readonly doc: string;
}

/** Every code of ClientError. */
export const CLIENT_ERRORS = {
  CLIENT_ABORTED: { retryable: false, doc: 'The `signal` of the call, or of the whole client, was aborted.' },
  CLIENT_CLOSED: { retryable: false, doc: 'The client was closed before the call was finished.' },
  CLIENT_OPTIONS: { retryable: false, doc: 'An option is wrong; the message names it.' },
  CLIENT_BUSY: { retryable: false, doc: 'A second reader of `messages()`, or a second `next()` at a time.' },
  CLIENT_OVERLOADED: {
    retryable: true,
    doc: 'Too many sends wait for room. Wait for `send` or `ready` before sending more.',
  },
  CLIENT_TOO_LARGE: {
    retryable: false,
    doc: 'The frame does not fit into one record; no peer could receive it.',
  },
  CLIENT_REFUSED: { retryable: false, doc: 'The server answered the frame by ERROR; see `wire`.' },
  CLIENT_TIMEOUT: { retryable: true, doc: 'Connecting, or the handshake, took too long.' },
  CLIENT_TRANSPORT: { retryable: true, doc: 'The connection could not be opened, or broke; see `cause`.' },
  CLIENT_DISCONNECTED: {
    retryable: true,
    doc: 'The connection is gone. A live-only frame was lost, or it is not known whether a frame arrived.',
  },
  CLIENT_TLS: { retryable: false, doc: "The server's TLS certificate is not trusted; see `cause`." },
  CLIENT_HTTP: { retryable: false, doc: 'The server answered with another HTTP status than 200.' },
  CLIENT_HANDSHAKE_REFUSED: {
    retryable: false,
    doc: 'The server refused the handshake; `wire.detail` is its text (PROTOCOL.md 3.12).',
  },
  CLIENT_DEVICE_TAKEN: {
    retryable: false,
    doc: 'The device id is registered with another key, or for another account.',
  },
  CLIENT_PAIRING_REQUIRED: {
    retryable: false,
    doc: 'The device is unknown and must be paired with an account.',
  },
  CLIENT_SERVER_KEY: {
    retryable: false,
    doc: 'The server does not hold the expected Noise key, or names another domain: wrong server, or an attack.',
  },
  CLIENT_CERTIFICATE: {
    retryable: false,
    doc: 'The device certificate in the answer is wrong, or another authority than the pinned one signed it.',
  },
  CLIENT_PROTOCOL: { retryable: true, doc: 'The server sent what PROTOCOL.md does not allow.' },
  CLIENT_REPLACED: { retryable: false, doc: 'Another connection of the same device has taken over.' },
  CLIENT_REVOKED: { retryable: false, doc: 'The device was revoked.' },
  CLIENT_LISTENER: {
    retryable: false,
    doc: 'A listener threw, or its promise was rejected; see `cause`. A durable frame comes to it again.',
  },
  CLIENT_STORE: {
    retryable: true,
    doc: 'The device store failed; nothing is confirmed until it works again.',
  },
  CLIENT_INBOX_RESET: {
    retryable: false,
    doc: 'The server has never sent what the store calls processed: its log was lost. Delivery starts over.',
  },
} as const satisfies Readonly<Record<string, ClientErrorKind>>;

/** The code of a `ClientError`: a key of `CLIENT_ERRORS`. */
export type ClientErrorCode = keyof typeof CLIENT_ERRORS;

/**
 * The document of an ERROR frame (PROTOCOL.md 9): these members have the types shown or are missing, and all others are
 * as the server sent them.
 */
export interface WireErrorFacts {
  /** The stable code. A later server may have codes that this release does not know. */
  readonly error: WireErrorCode | (string & {});
  /** For people. */
  readonly title?: string;
  /** For people; of a refused handshake the text of PROTOCOL.md 3.12. */
  readonly detail?: string;
  /** Of a refused handshake: what did not fit (PROTOCOL.md 3.12). */
  readonly reason?: string;
  /** Of `wrong_channel`: the number on which the group talks. */
  readonly channel?: number;
  /** Of `mailbox_full`: frames that this device has missed. */
  readonly missed?: number;
  /** Devices that did not get the frame because their mailboxes were full. */
  readonly not_stored?: number;
  readonly [member: string]: Json | undefined;
}

export interface ClientErrorOptions {
  readonly cause?: unknown;
  /** @default what CLIENT_ERRORS says about the code */
  readonly retryable?: boolean;
  /** What the server said. */
  readonly wire?: WireErrorFacts;
  /** Milliseconds that the server asks to wait before the next attempt. */
  readonly retryAfterMs?: number;
}

/** Everything that the SDK throws, rejects with, or reports by its `error` event. */
export class ClientError extends CommuCatError {
  declare readonly code: ClientErrorCode;
  /** What the server said, when the error is its answer. */
  readonly wire: WireErrorFacts | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: ClientErrorCode, message: string, options: ClientErrorOptions = {}) {
    super(code, message, {
      retryable: options.retryable ?? CLIENT_ERRORS[code].retryable,
      cause: options.cause,
    });
    this.wire = options.wire;
    this.retryAfterMs = options.retryAfterMs;
  }
}
