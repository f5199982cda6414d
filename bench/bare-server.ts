// The limits: what bare node:http2 does with the same bytes. A child process of the bench; prints one line of JSON.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { ensureDevIdentity } from '../src/keys/index.ts';
import { ByteArena } from '../src/protocol/byte-arena.ts';
import { RecordOpener, RecordSealer } from '../src/protocol/noise/record.ts';
import { systemClock, systemRandom } from '../src/system/index.ts';
import { BARE_PATHS } from './bare-paths.ts';
import { echoCipher, sealedMessage } from './load/echo-records.ts';
import { CONNECTION_WINDOW, STREAM_WINDOW } from './load/h2-connection.ts';
import { MESSAGE_BYTES } from './load/writes.ts';

const MAX_STREAMS = 128;
const MESSAGE = Buffer.alloc(MESSAGE_BYTES, 0x5a);
const arena = new ByteArena(1_048_576);
const receivers = new Set<ServerHttp2Stream>();

function serve(stream: ServerHttp2Stream, path: string | undefined): void {
  switch (path) {
    case BARE_PATHS.echo:
      stream.on('data', (chunk: Uint8Array) => stream.write(chunk));
      return;
    case BARE_PATHS.sealedEcho:
      echoRecords(stream);
      return;
    case BARE_PATHS.receive:
      receivers.add(stream);
      stream.on('close', () => receivers.delete(stream));
      stream.resume();
      return;
    case BARE_PATHS.fanOut:
      stream.on('data', (chunk: Uint8Array) => {
        for (const receiver of receivers) receiver.write(chunk);
      });
      return;
    case BARE_PATHS.pour:
      stream.on('data', (chunk: Uint8Array) => {
        for (let left = Number(Buffer.from(chunk).toString()); left > 0; left -= 1) stream.write(MESSAGE);
      });
      return;
    default:
      throw new RangeError(`nothing is served at ${path}`);
  }
}

function echoRecords(stream: ServerHttp2Stream): void {
  const opener = new RecordOpener(echoCipher(), arena);
  const sealer = new RecordSealer(echoCipher());
  stream.on('data', (chunk: Uint8Array) => {
    opener.push(chunk);
    for (let plaintext = opener.next(); plaintext !== undefined; plaintext = opener.next()) {
      stream.write(sealedMessage(sealer, plaintext));
    }
  });
}

const folder = process.argv[2];
if (folder === undefined) throw new TypeError('usage: bare-server.ts FOLDER');
const identity = await ensureDevIdentity(folder, { clock: systemClock, random: systemRandom });
const settings = { initialWindowSize: STREAM_WINDOW, maxConcurrentStreams: MAX_STREAMS };
const server = createSecureServer({
  cert: readFileSync(identity.certFile),
  key: readFileSync(identity.keyFile),
  minVersion: 'TLSv1.3',
  settings,
  noDelay: true,
});
/** For a proxy that ends TLS. */
const plain = createServer({ settings });

async function listen(listener: Http2Server | typeof server): Promise<number> {
  listener.on('session', (session) => session.setLocalWindowSize(CONNECTION_WINDOW));
  listener.on('sessionError', () => undefined);
  listener.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.respond({ ':status': 200 });
    serve(stream, headers[':path']);
    stream.on('end', () => stream.end());
    stream.on('error', () => undefined);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return (listener.address() as AddressInfo).port;
}

const [port, plainPort] = [await listen(server), await listen(plain)];
const ready = { host: '127.0.0.1', port, plain_port: plainPort, ca_file: identity.caFile };
process.stdout.write(`${JSON.stringify(ready)}\n`);
process.once('SIGTERM', () => process.exit(0));
