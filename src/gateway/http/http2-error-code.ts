import { constants, type ServerHttp2Session } from 'node:http2';

/** Error codes of RFC 9113, 7, by the error numbers of the library that reads frames. */
const CODES: Readonly<Record<number, number | undefined>> = {
  [-505]: constants.NGHTTP2_PROTOCOL_ERROR,
  [-510]: constants.NGHTTP2_STREAM_CLOSED,
  [-522]: constants.NGHTTP2_FRAME_SIZE_ERROR,
  [-523]: constants.NGHTTP2_COMPRESSION_ERROR,
  [-524]: constants.NGHTTP2_FLOW_CONTROL_ERROR,
};

/**
 * Makes a connection that breaks the protocol end with the error code that RFC 9113 names: Node.js says INTERNAL_ERROR for all of
 * them, as if the fault were ours.
 */
export function nameErrorsOf(session: ServerHttp2Session): void {
  // One function for all connections: a closure for each would cost memory.
  session.destroy = destroy;
}

function destroy(this: ServerHttp2Session, error?: Error, code?: number): void {
  const { destroy: original } = Object.getPrototypeOf(this) as ServerHttp2Session;
  const { errno } = (error ?? {}) as NodeJS.ErrnoException;
  original.call(this, error, code ?? (errno === undefined ? undefined : CODES[errno]));
}
