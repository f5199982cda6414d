import { type Address, connectPlain, connectSecure } from './address.ts';
import type { ByteStream, Dial } from './byte-stream.ts';
import { H2Connection } from './h2-connection.ts';
import { SseStream } from './sse-stream.ts';
import { WebSocketStream } from './web-socket-stream.ts';

/** Sessions that share a connection, where the server allows as many. */
const SHARED_STREAMS = 100;

/** Binary mode, each stream on a TLS connection of its own: as devices do. */
export function ownConnections(address: Address): Dial {
  return async (path) => (await secure(address)).request(path);
}

/** Binary mode without TLS, as behind a load balancer that ends it. */
export function plaintextConnections(host: string, port: number): Dial {
  return async (path) =>
    (await H2Connection.over(await connectPlain(host, port), `localhost:${port}`)).request(path);
}

/** Binary mode, many streams on each TLS connection: many sessions at the price of a few handshakes and sockets. */
export async function sharedConnections(address: Address): Promise<Dial> {
  let connection = secure(address);
  const perConnection = Math.min(SHARED_STREAMS, (await connection).maxStreams);
  let left = perConnection;
  return async (path) => {
    if (left === 0) {
      connection = secure(address);
      left = perConnection;
    }
    left -= 1;
    return (await connection).request(path);
  };
}

/** Server-sent events downstream, a request body upstream. PROTOCOL.md 2.5. */
export function eventStreams(address: Address): Dial {
  return async (path) => {
    const fields = { accept: 'text/event-stream' };
    return new SseStream(await (await secure(address)).request(path, fields));
  };
}

/** WebSocket over HTTP/1.1. PROTOCOL.md 2.7. */
export function webSockets(address: Address): Dial {
  return async (path): Promise<ByteStream> =>
    WebSocketStream.over(await connectSecure(address, 'http/1.1'), path, address.stopping);
}

async function secure(address: Address): Promise<H2Connection> {
  return H2Connection.over(await connectSecure(address, 'h2'), `localhost:${address.port}`, address.stopping);
}
