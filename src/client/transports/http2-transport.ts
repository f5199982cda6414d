import { validateHeaderValue } from 'node:http';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from 'node:http2';
import { isIP } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import type { Clock } from '../../ports/ports.ts';
import { ClientError } from '../values/client-error.ts';
import { textOf } from '../values/client-failures.ts';
import { certificates, isLoopback } from './tls-trust.ts';
import type { TlsTrustOptions } from './tls-trust-options.ts';
import type { Transport, TransportConnection, TransportReceiver } from './transport.ts';

/** Options of `Http2Transport`. */
export interface Http2TransportOptions extends TlsTrustOptions {
  /** `https` URL of `/connect`. @default path `/connect` when the URL has none */
  readonly url: string | URL;
  /** Milliseconds between two pings; 0 sends none. @default 30000 */
  readonly heartbeatMs?: number;
  /** Milliseconds in which a ping must be answered. @default 10000 */
  readonly heartbeatTimeoutMs?: number;
  /** The `user-agent` of the request. @default commucat-client */
  readonly userAgent?: string;
}

/** Bytes that the server may send before we read: Node's default of 64 KiB makes every large message wait. */
const STREAM_WINDOW = 1_048_576;
const CONNECTION_WINDOW = 4_194_304;
const HEARTBEAT_MS = 30_000;
const HEARTBEAT_TIMEOUT_MS = 10_000;
const CONNECT_PATH = '/connect';
/** OpenSSL's and Node's codes for certificates that are not trusted or fit another name. */
const UNTRUSTED =
  /^(ERR_TLS_CERT_|CERT_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT|UNABLE_TO_(GET|VERIFY))/;

/** `POST /connect` over TLS 1.3 and HTTP/2, binary mode (PROTOCOL.md 2.4). One may serve any number of clients. */
export class Http2Transport implements Transport {
  readonly #options: Http2TransportOptions;
  readonly #clock: Clock;
  readonly #url: URL;
  #secureContext: SecureContext | undefined;

  /** @throws ClientError code `CLIENT_OPTIONS` */
  constructor(options: Http2TransportOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#url = connectUrl(options.url);
    checkUserAgent(options.userAgent);
    if (options.insecureLoopback === true && !isLoopback(this.#url.hostname)) {
      throw new ClientError('CLIENT_OPTIONS', 'insecureLoopback is for loopback addresses only');
    }
  }

  open(receiver: TransportReceiver, signal: AbortSignal, ticket?: string): Promise<TransportConnection> {
    const session = connectHttp2(this.#url.origin, {
      createConnection: () => this.#socket(),
      settings: { initialWindowSize: STREAM_WINDOW, enablePush: false },
    });
    return new Promise((resolve, reject) => {
      const abandon = (): void => {
        session.destroy();
        reject(new ClientError('CLIENT_ABORTED', 'connecting was aborted'));
      };
      const fail = (error: unknown): void => {
        signal.removeEventListener('abort', abandon);
        session.destroy();
        reject(connectError(error));
      };
      const closed = (): void => fail(new Error('the connection was closed'));
      session.once('error', fail);
      session.once('close', closed);
      session.once('connect', () => {
        signal.removeEventListener('abort', abandon);
        session.off('error', fail);
        session.off('close', closed);
        try {
          session.setLocalWindowSize(CONNECTION_WINDOW);
          resolve(this.#request(session, receiver, ticket));
        } catch (error) {
          fail(error);
        }
      });
      signal.addEventListener('abort', abandon, { once: true });
      if (signal.aborted) abandon();
    });
  }

  /** Reading the trusted certificates takes longer than the rest of a handshake: once for all connections. */
  #context(): SecureContext {
    const { ca } = this.#options;
    try {
      const trusted = ca === undefined ? {} : { ca: certificates(ca) };
      this.#secureContext ??= createSecureContext({ minVersion: 'TLSv1.3', ...trusted });
    } catch (cause) {
      throw new ClientError('CLIENT_OPTIONS', `ca holds no certificates: ${textOf(cause)}`, { cause });
    }
    return this.#secureContext;
  }

  #socket(): TLSSocket {
    const host = this.#url.hostname.replace(/^\[|\]$/g, '');
    const socket = connectTls({
      host,
      port: this.#url.port === '' ? 443 : Number(this.#url.port),
      ALPNProtocols: ['h2'],
      ...(isIP(host) === 0 ? { servername: host } : {}),
      rejectUnauthorized: this.#options.insecureLoopback !== true,
      secureContext: this.#context(),
    });
    socket.setNoDelay(true);
    // The session reports it; without a listener one that comes behind the end of the session would be uncaught.
    socket.on('error', () => undefined);
    return socket;
  }

  #request(
    session: ClientHttp2Session,
    receiver: TransportReceiver,
    ticket: string | undefined,
  ): TransportConnection {
    const stream = session.request(
      {
        ':method': 'POST',
        ':path': `${this.#url.pathname}${this.#url.search}`,
        'content-type': 'application/octet-stream',
        'user-agent': this.#options.userAgent ?? 'commucat-client',
        ...(ticket === undefined ? {} : { 'commucat-ticket': ticket }),
      },
      { endStream: false },
    );
    const { heartbeatMs = HEARTBEAT_MS, heartbeatTimeoutMs = HEARTBEAT_TIMEOUT_MS } = this.#options;
    return new Http2Connection(session, stream, receiver, this.#clock, heartbeatMs, heartbeatTimeoutMs);
  }
}

class Http2Connection implements TransportConnection {
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;
  readonly #receiver: TransportReceiver;
  #error: Error | undefined;
  #closed = false;
  #cancelTimer = (): void => undefined;

  constructor(
    session: ClientHttp2Session,
    stream: ClientHttp2Stream,
    receiver: TransportReceiver,
    clock: Clock,
    heartbeatMs: number,
    heartbeatTimeoutMs: number,
  ) {
    this.#session = session;
    this.#stream = stream;
    this.#receiver = receiver;
    stream.once('response', (headers) => this.#answered(headers));
    stream.once('end', () => this.#end());
    stream.once('close', () => this.#end());
    stream.on('error', (error) => this.#end(error));
    session.on('error', (error) => this.#end(error));
    session.once('close', () => this.#end());
    if (heartbeatMs > 0) this.#heartbeat(clock, heartbeatMs, heartbeatTimeoutMs);
  }

  get backlog(): number {
    return this.#stream.writableLength;
  }

  write(bytes: Uint8Array): void {
    if (!this.#closed && !this.#stream.writableEnded) this.#stream.write(bytes);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  end(): void {
    // What the server still sends is of no interest, but its end is seen only behind it.
    this.#stream.resume();
    this.#stream.end();
  }

  destroy(): void {
    this.#closed = true;
    this.#cancelTimer();
    this.#stream.destroy();
    this.#session.destroy();
  }

  #answered(headers: IncomingHttpHeaders & IncomingHttpStatusHeader): void {
    const status = Number(headers[constants.HTTP2_HEADER_STATUS]);
    if (status === constants.HTTP_STATUS_OK) {
      this.#stream.on('data', (bytes: Uint8Array) => this.#receiver.chunk(bytes));
      return;
    }
    const retryAfterMs = retryAfterOf(headers['retry-after']);
    const retryable = status >= 500 || status === 429 || status === 408;
    const options = { retryable, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    this.#end(new ClientError('CLIENT_HTTP', `the server answered with HTTP status ${status}`, options));
  }

  #heartbeat(clock: Clock, intervalMs: number, timeoutMs: number): void {
    this.#cancelTimer = clock.after(intervalMs, () => {
      if (this.#closed || this.#session.destroyed) return;
      this.#cancelTimer = clock.after(timeoutMs, () => {
        this.#end(new ClientError('CLIENT_TIMEOUT', `no answer to a ping for ${timeoutMs} ms`));
      });
      this.#session.ping(() => {
        if (this.#closed) return;
        this.#cancelTimer();
        this.#heartbeat(clock, intervalMs, timeoutMs);
      });
    });
  }

  /** Ends the connection once; what stands behind the first reason is a consequence of it. */
  #end(error?: Error): void {
    if (this.#closed) return;
    this.#error ??= error;
    this.#closed = true;
    this.#cancelTimer();
    this.#session.destroy();
    this.#receiver.closed(this.#error);
  }
}

/** Milliseconds; undefined for a date, which depends on two clocks, and for anything below a second. */
function retryAfterOf(value: string | undefined): number | undefined {
  if (value === undefined || !/^\d+$/.test(value)) return undefined;
  const seconds = Number(value);
  return seconds > 0 ? seconds * 1000 : undefined;
}

function connectUrl(from: string | URL): URL {
  let url: URL;
  try {
    url = new URL(from);
  } catch (cause) {
    throw new ClientError('CLIENT_OPTIONS', 'url is not a URL', { cause });
  }
  if (url.protocol !== 'https:') throw new ClientError('CLIENT_OPTIONS', 'url must start with https://');
  if (url.pathname === '/') url.pathname = CONNECT_PATH;
  return url;
}

function checkUserAgent(text: string | undefined): void {
  if (text === undefined) return;
  try {
    validateHeaderValue('user-agent', text);
  } catch (cause) {
    throw new ClientError('CLIENT_OPTIONS', 'userAgent is no value of a header', { cause });
  }
}

/** What connecting over TLS failed with. */
export function connectError(error: unknown): ClientError {
  if (error instanceof ClientError) return error;
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  const kind = UNTRUSTED.test(code) ? 'CLIENT_TLS' : 'CLIENT_TRANSPORT';
  const name = kind === 'CLIENT_TLS' ? 'certificate of the server refused' : 'cannot connect';
  const text = textOf(error);
  // A socket that tried several addresses has no text of its own.
  const what = [text, code === '' || text.includes(code) ? '' : `(${code})`].filter((part) => part !== '');
  return new ClientError(kind, `${name}: ${what.join(' ')}`, { cause: error });
}
