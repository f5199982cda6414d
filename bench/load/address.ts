import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { DoorClosedError } from './byte-stream.ts';

/** Where a server listens, and the certificate that it is checked against. */
export interface Address {
  readonly host: string;
  readonly port: number;
  /** One for all connections: reading the certificate anew would be most of what a connection costs its client. */
  readonly trust: SecureContext;
  /** Aborted when the server is told to stop: from then on it may end what it likes. */
  readonly stopping: AbortSignal;
}

/** @param ca certificates in PEM */
export function addressOf(host: string, port: number, ca: string, stopping: AbortSignal): Address {
  return { host, port, trust: createSecureContext({ ca }), stopping };
}

/** A new TCP and TLS connection: a full handshake, no resumption. */
export async function connectSecure(
  { host, port, trust }: Address,
  protocol: 'h2' | 'http/1.1',
): Promise<TLSSocket> {
  const socket = connectTls({
    host,
    port,
    secureContext: trust,
    servername: 'localhost',
    ALPNProtocols: [protocol],
  });
  socket.setNoDelay(true);
  await once(socket, 'secureConnect');
  return socket;
}

/** A new TCP connection without TLS. @throws DoorClosedError when nobody listens */
export async function connectPlain(host: string, port: number): Promise<Socket> {
  const socket = connectTcp({ host, port });
  socket.setNoDelay(true);
  try {
    await once(socket, 'connect');
  } catch (cause) {
    throw new DoorClosedError(`nothing: ${cause instanceof Error ? cause.message : cause}`);
  }
  return socket;
}
