import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { switchingProtocols } from '../../src/gateway/http/http1-upgrade.ts';
import type { ConnectMode } from '../../src/gateway/transports/connect-mode.ts';
import { Http1Transport } from '../../src/gateway/transports/http1-transport.ts';
import { Http2Transport } from '../../src/gateway/transports/http2-transport.ts';
import { textModeOf } from '../../src/gateway/transports/text-mode.ts';
import { TextTransport } from '../../src/gateway/transports/text-transport.ts';
import type { Transport } from '../../src/gateway/transports/transport.ts';
import { WebSocketTransport } from '../../src/gateway/transports/websocket/websocket-transport.ts';
import { ensureDevIdentity } from '../../src/keys/index.ts';
import { systemClock, systemRandom } from '../../src/system/index.ts';
import type { Door, DoorStream } from './doors.ts';
import { temporaryFolder } from './temporary-folder.ts';
import type { SeenByPeer, TransportUnderTest } from './transport.contract.ts';

/** Servers of both versions of HTTP that do nothing but make a transport of each request, as the doors do. */
export class TransportDoors implements AsyncDisposable {
  readonly #servers: readonly [https.Server, http2.Http2SecureServer];
  readonly #ca: Buffer;
  #arrived: (transport: Transport) => void = () => undefined;

  private constructor(tls: { cert: Buffer; key: Buffer }, ca: Buffer) {
    this.#ca = ca;
    const http1 = https.createServer(tls);
    http1.on('request', (request, response) => {
      response.setHeader('connection', 'close');
      response.removeHeader('transfer-encoding');
      response.writeHead(200).flushHeaders();
      this.#arrive(request.url ?? '', new Http1Transport(request, response, systemClock));
    });
    http1.on('upgrade', (request, stream: Duplex, head: Buffer) => {
      stream.write(switchingProtocols(request.headers['sec-websocket-key'] ?? ''), 'latin1');
      if (head.length > 0) stream.unshift(head);
      this.#arrived(webSocket(stream, () => void stream.destroy()));
    });
    const http2Server = http2.createSecureServer({ ...tls, settings: { enableConnectProtocol: true } });
    http2Server.on('stream', (stream, headers) => {
      stream.respond({ ':status': 200 });
      const cut = (): void => stream.close(http2.constants.NGHTTP2_CANCEL);
      if (headers[':method'] === 'CONNECT') this.#arrived(webSocket(stream, cut));
      else this.#arrive(headers[':path'] ?? '', new Http2Transport(stream, systemClock));
    });
    for (const server of [http1, http2Server]) {
      server.on('tlsClientError', () => undefined);
      server.on('sessionError', () => undefined);
    }
    this.#servers = [http1, http2Server];
  }

  static async start(): Promise<TransportDoors> {
    const folder = temporaryFolder('transports');
    const identity = await ensureDevIdentity(folder, { clock: systemClock, random: systemRandom });
    const tls = { cert: readFileSync(identity.certFile), key: readFileSync(identity.keyFile) };
    const doors = new TransportDoors(tls, readFileSync(identity.caFile));
    for (const server of doors.#servers) {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    }
    return doors;
  }

  /** Both ends of a connection through a door. */
  async open(door: Door): Promise<TransportUnderTest> {
    const server = this.#servers[door.name.includes('HTTP/2') ? 1 : 0];
    const arrived = new Promise<Transport>((resolve) => {
      this.#arrived = resolve;
    });
    const stream = door.open({ port: (server.address() as AddressInfo).port, ca: this.#ca });
    const transport = await arrived;
    return ends(transport, stream);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) {
      if ('closeAllConnections' in server) server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  #arrive(path: string, bytes: Transport): void {
    const mode: ConnectMode = path.includes('sse') ? 'sse' : path.includes('poll') ? 'long-poll' : 'binary';
    const text = textModeOf(mode);
    this.#arrived(text === undefined ? bytes : new TextTransport(bytes, text));
  }
}

function webSocket(stream: Duplex, cut: () => void): Transport {
  return new WebSocketTransport({ stream, clock: systemClock, cut, onTextDropped: () => undefined });
}

function ends(transport: Transport, stream: DoorStream): TransportUnderTest {
  const seen: SeenByPeer = {
    chunks: [],
    ended: false,
    get keepalives() {
      return stream.lines.filter(({ keepalive }) => keepalive).length;
    },
  };
  stream.on('data', (chunk: Uint8Array) => seen.chunks.push(chunk));
  stream.on('end', () => {
    seen.ended = true;
  });
  stream.on('error', () => undefined);
  return {
    transport,
    seen,
    peer: {
      send: (bytes) => void stream.write(bytes),
      pause: () => void stream.pause(),
      resume: () => void stream.resume(),
      end: () => void stream.end(),
      cut: () => void stream.destroy(),
    },
    async [Symbol.asyncDispose]() {
      stream.destroy();
      transport.reset();
    },
  };
}
