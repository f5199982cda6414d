// The limit: what bare node:http2 does with the same bytes. A child process of the bench; prints one line of JSON.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { ensureDevIdentity } from '../src/config/index.ts';
import { systemClock, systemRandom } from '../src/system/index.ts';
import { CONNECTION_WINDOW, STREAM_WINDOW } from './load/connection.ts';
import { ECHO_PATHS, MESSAGE_BYTES } from './load/echo-shape.ts';

/** Sends each message back by a write of its own. */
function echoMessages(stream: ServerHttp2Stream): void {
  let partial: Uint8Array = new Uint8Array(0);
  stream.on('data', (chunk: Uint8Array) => {
    const bytes = partial.length === 0 ? chunk : Buffer.concat([partial, chunk]);
    let offset = 0;
    for (; offset + MESSAGE_BYTES <= bytes.length; offset += MESSAGE_BYTES) {
      stream.write(bytes.subarray(offset, offset + MESSAGE_BYTES));
    }
    partial = bytes.subarray(offset);
  });
}

/** Sends back what came, once per turn of the event loop. */
function echoTurns(stream: ServerHttp2Stream): void {
  let waiting: Uint8Array[] = [];
  const flush = (): void => {
    const [first] = waiting;
    const bytes = waiting.length === 1 && first !== undefined ? first : Buffer.concat(waiting);
    waiting = [];
    if (!stream.destroyed) stream.write(bytes);
  };
  stream.on('data', (chunk: Uint8Array) => {
    if (waiting.push(chunk) === 1) setImmediate(flush);
  });
}

const folder = process.argv[2];
if (folder === undefined) throw new TypeError('usage: echo-server.ts FOLDER');
const identity = await ensureDevIdentity(folder, { clock: systemClock, random: systemRandom });
const server = createSecureServer({
  cert: readFileSync(identity.certFile),
  key: readFileSync(identity.keyFile),
  minVersion: 'TLSv1.3',
  settings: { initialWindowSize: STREAM_WINDOW },
  noDelay: true,
});
server.on('session', (session) => session.setLocalWindowSize(CONNECTION_WINDOW));
server.on('sessionError', () => undefined);
server.on('stream', (stream, headers) => {
  stream.respond({ ':status': 200 });
  if (headers[':path'] === ECHO_PATHS.turn) echoTurns(stream);
  else echoMessages(stream);
  stream.on('end', () => stream.end());
  stream.on('error', () => undefined);
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
process.stdout.write(`${JSON.stringify({ host: '127.0.0.1', port, ca_file: identity.caFile })}\n`);
process.once('SIGTERM', () => process.exit(0));
