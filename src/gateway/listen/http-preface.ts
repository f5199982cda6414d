import { begins } from './proxy-protocol.ts';

/** What a client with prior knowledge of HTTP/2 sends first. RFC 9113, 3.4. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export type HttpVersion = 'http/1.1' | 'h2';

/** The version that a connection without TLS speaks, by its first bytes; undefined: there are too few to tell. */
export function httpVersionOf(bytes: Uint8Array): HttpVersion | undefined {
  const isHttp2 = begins(bytes, PREFACE);
  return isHttp2 === undefined ? undefined : isHttp2 ? 'h2' : 'http/1.1';
}
