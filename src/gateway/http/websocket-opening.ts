import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { HttpAnswer } from './problem.ts';

/** RFC 6455, 1.3. */
const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** Standard base64 of 16 bytes. */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;
const VERSION = '13';

export interface OpeningHead {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly httpVersion: '1.0' | '1.1' | '2';
  /** `:protocol` of an extended CONNECT (RFC 8441). */
  readonly protocol: string | undefined;
}

/** Why a request for WebSocket cannot be one, as an answer; undefined when it can. PROTOCOL.md 2.7. */
export function webSocketFlaw(head: OpeningHead): HttpAnswer | undefined {
  const { headers, httpVersion, method, protocol } = head;
  if (headers['sec-websocket-version'] !== undefined && headers['sec-websocket-version'] !== VERSION) {
    return refusal(400, { 'sec-websocket-version': VERSION });
  }
  if (httpVersion === '2') {
    if (protocol === undefined) return refusal(method === 'GET' ? 400 : 405);
  } else {
    if (method !== 'GET') return refusal(405);
    if (httpVersion !== '1.1' || !asksForUpgrade(headers)) return refusal(400);
    if (!KEY.test(headers['sec-websocket-key'] ?? '')) return refusal(400);
  }
  return headers['sec-websocket-version'] === undefined ? refusal(400) : undefined;
}

/** `Upgrade` and `Connection` as RFC 6455, 4.2.1, wants them. */
export function asksForUpgrade(headers: IncomingHttpHeaders): boolean {
  const tokens = (headers.connection ?? '').split(',').map((token) => token.trim().toLowerCase());
  return headers.upgrade?.trim().toLowerCase() === 'websocket' && tokens.includes('upgrade');
}

/** The value of `Sec-WebSocket-Accept`. RFC 6455, 4.2.2. */
export function webSocketAccept(key: string): string {
  return createHash('sha1')
    .update(key + ACCEPT_SUFFIX)
    .digest('base64');
}

function refusal(status: number, more: Readonly<Record<string, string>> = {}): HttpAnswer {
  const headers = { 'content-length': '0', 'cache-control': 'private, no-store', ...more };
  return { status, headers, body: '' };
}
