import { createHash } from 'node:crypto';
import http from 'node:http';
import http2 from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export type Headers = Readonly<Record<string, string>>;

/** A TCP connection; `from`: an address of this machine. */
export async function dial(port: number, from = '127.0.0.1'): Promise<Socket> {
  const socket = connectTcp({ host: '127.0.0.1', port, localAddress: from });
  socket.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('close', () => reject(new Error('not connected')));
  });
  return socket;
}

/** TLS over a connection; throws what went wrong with it. */
export async function secure(
  socket: Socket,
  ca: Buffer,
  options: ConnectionOptions = {},
): Promise<TLSSocket> {
  const tls = connectTls({ socket, ca, servername: 'localhost', ALPNProtocols: ['http/1.1'], ...options });
  await new Promise<void>((resolve, reject) => {
    tls.once('secureConnect', resolve);
    tls.once('error', reject);
    tls.once('close', () => reject(new Error('closed')));
  });
  tls.on('error', () => undefined);
  return tls;
}

/** One request over HTTP/1.1; throws when there is no answer. */
export function get1(stream: Duplex, path: string, headers: Headers = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({
      createConnection: () => stream,
      path,
      headers: { host: 'localhost', ...headers },
    });
    request.on('error', reject);
    request.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    request.end();
  });
}

/** A client of HTTP/2 over a connection, with prior knowledge. */
export function session2(stream: Duplex): http2.ClientHttp2Session {
  const session = http2.connect('http://localhost', { createConnection: () => stream });
  session.on('error', () => undefined);
  return session;
}

export function get2(
  session: http2.ClientHttp2Session,
  path: string,
  headers: Headers = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = session.request({ ':path': path, ...headers });
    let status = 0;
    let body = '';
    request.on('response', (head) => {
      status = Number(head[':status']);
    });
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('error', reject);
    request.on('close', () => (status === 0 ? reject(new Error('no answer')) : resolve({ status, body })));
    request.end();
  });
}

/** Everything until the end of a connection. */
export async function rest(socket: Duplex): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  await new Promise((resolve) => socket.once('close', resolve));
  return text;
}

/** SHA-256 of the certificate that a server shows. */
export async function fingerprintAt(port: number): Promise<string> {
  const tls = await secure(await dial(port), Buffer.alloc(0), { rejectUnauthorized: false });
  const { raw } = tls.getPeerCertificate();
  tls.destroy();
  return createHash('sha256').update(raw).digest('hex');
}
