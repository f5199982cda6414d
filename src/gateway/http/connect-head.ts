import type { ConnectMode } from '../transports/connect-mode.ts';

/** The head of an answer of status 200 or 101, without status and what RFC 6455 adds. PROTOCOL.md 2.3. */
export type ConnectHead = Readonly<Record<string, string>>;

const CONTENT_TYPES: Readonly<Record<Exclude<ConnectMode, 'websocket'>, string>> = {
  binary: 'application/octet-stream',
  sse: 'text/event-stream',
  'long-poll': 'application/x-ndjson',
};

/** Heads by mode; the same for both versions of HTTP, `connection` apart. */
export const CONNECT_HEADS: Readonly<Record<ConnectMode, ConnectHead>> = {
  binary: head('binary'),
  sse: head('sse'),
  'long-poll': head('long-poll'),
  websocket: { 'x-commucat-connect-mode': 'websocket' },
};

function head(mode: Exclude<ConnectMode, 'websocket'>): ConnectHead {
  return {
    'content-type': CONTENT_TYPES[mode],
    'cache-control': 'no-store',
    'x-commucat-connect-mode': mode,
    // Proxies that gather an answer would keep lines back for as long as they like.
    ...(mode === 'binary' ? {} : { 'x-accel-buffering': 'no' }),
  };
}
