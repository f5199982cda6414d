import { isIP } from 'node:net';
import { connect, type PeerCertificate } from 'node:tls';

export interface TlsFacts {
  /** For example `TLSv1.3`. */
  readonly protocol: string;
  /** What the server chose of h2 and http/1.1. */
  readonly alpn: string;
  /** Why the certificate is not trusted; undefined when it is. */
  readonly distrust: string | undefined;
  readonly certificate: PeerCertificate;
}

const TIMEOUT = 10_000;

/**
 * Opens a TLS connection and says what was agreed on. Reports a certificate that is not trusted, and goes on.
 * @param name that the certificate must have. @default the host of the URL
 */
export function probeTls(
  url: string | URL,
  ca: string | readonly string[] | undefined,
  name?: string,
): Promise<TlsFacts> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return new Promise((resolve, reject) => {
    const socket = connect(
      {
        host,
        port: Number(port || 443),
        ALPNProtocols: ['h2', 'http/1.1'],
        rejectUnauthorized: false,
        timeout: TIMEOUT,
        ...(isIP(name ?? host) === 0 ? { servername: name ?? host } : {}),
        ...(ca === undefined ? {} : { ca: typeof ca === 'string' ? ca : [...ca] }),
      },
      () => {
        const { authorized, authorizationError } = socket;
        resolve({
          protocol: socket.getProtocol() ?? 'none',
          alpn: socket.alpnProtocol === false || socket.alpnProtocol === null ? 'none' : socket.alpnProtocol,
          distrust: authorized ? undefined : String(authorizationError),
          certificate: socket.getPeerCertificate(),
        });
        socket.destroy();
      },
    );
    socket.on('timeout', () => socket.destroy(new Error(`${host}:${port} does not answer`)));
    socket.on('error', reject);
  });
}
