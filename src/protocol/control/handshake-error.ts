import { CommuCatError } from '../../ports/commucat-error.ts';

/**
 * A HELLO or AUTH that is refused for its form. `detail` is the reference's text for the ERROR frame (PROTOCOL.md 3.12);
 * the message says more and is for logs.
 */
export class HandshakeMessageError extends CommuCatError {
  readonly detail: string;

  constructor(detail: string, message: string, cause?: unknown) {
    super('HANDSHAKE_MESSAGE_INVALID', message, { cause });
    this.detail = detail;
  }
}

/** Refuses a field with the text that the reference uses for all of them. */
export function invalidRequest(message: string, cause?: unknown): HandshakeMessageError {
  return new HandshakeMessageError('invalid request', message, cause);
}
