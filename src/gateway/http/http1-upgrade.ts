import type { IncomingMessage } from 'node:http';
import { CONNECT_HEADS } from './connect-head.ts';
import { webSocketAccept } from './websocket-opening.ts';

/** The answer that turns an HTTP/1.1 connection into a WebSocket. PROTOCOL.md 2.3. */
export function switchingProtocols(key: string): string {
  return headText('HTTP/1.1 101 Switching Protocols', [
    ['upgrade', 'websocket'],
    ['connection', 'Upgrade'],
    ['sec-websocket-accept', webSocketAccept(key)],
    ...Object.entries(CONNECT_HEADS.websocket),
  ]);
}

/** The head of a request as it came, for a parser that shall read it again. */
export function requestText({ httpVersion, method, rawHeaders, url }: IncomingMessage): Buffer {
  const fields: (readonly [string, string])[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    fields.push([rawHeaders[i] ?? '', rawHeaders[i + 1] ?? '']);
  }
  return Buffer.from(headText(`${method} ${url} HTTP/${httpVersion}`, fields), 'latin1');
}

function headText(start: string, fields: readonly (readonly [string, string])[]): string {
  return `${start}\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}
