import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { connect as connectTls } from 'node:tls';

/** Windows as the server's, src/gateway/http2-door.ts: neither side ever waits for the other's window. */
export const STREAM_WINDOW = 1_048_576;
export const CONNECTION_WINDOW = 4 * STREAM_WINDOW;

/** Where a server listens, and the certificate that it is checked against. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly ca: string;
}

export interface Connection {
  readonly session: ClientHttp2Session;
  readonly stream: ClientHttp2Stream;
}

/**
 * A new TCP and TLS connection (a full handshake, no resumption) with one POST request whose response has begun. The
 * stream fails when the connection does.
 */
export async function openConnection(address: Address, path: string): Promise<Connection> {
  const { host, port, ca } = address;
  const socket = connectTls({ host, port, ca, servername: 'localhost', ALPNProtocols: ['h2'] });
  socket.setNoDelay(true);
  const session = connectHttp2(`https://${host}:${port}`, {
    createConnection: () => socket,
    settings: { initialWindowSize: STREAM_WINDOW, enablePush: false },
  });
  session.once('connect', () => session.setLocalWindowSize(CONNECTION_WINDOW));
  const failed = once(session, 'error').then(([error]) => Promise.reject(error));
  const stream = session.request({ ':method': 'POST', ':path': path }, { endStream: false });
  const [headers] = await Promise.race([once(stream, 'response'), failed]);
  if (headers[':status'] !== 200) throw new Error(`${path} was answered with ${headers[':status']}`);
  return { session, stream };
}

/** Ends the request, takes what still comes, and closes the connection. */
export async function closeConnection({ session, stream }: Connection): Promise<void> {
  if (session.destroyed) return;
  const closed = once(session, 'close');
  stream.once('close', () => session.close());
  if (stream.closed) session.close();
  stream.end();
  stream.resume();
  await closed;
}
