import type { Socket } from 'node:net';
import type { Config } from '../../config/index.ts';
import type { Clock } from '../../ports/ports.ts';
import { isLoopback } from '../admission/address-key.ts';
import { type HttpVersion, httpVersionOf } from './http-preface.ts';
import { OpeningError, readOpening } from './opening.ts';
import type { Proxies } from './proxies.ts';
import { beginsProxyHeader, ProxyProtocolError, parseProxyHeader } from './proxy-protocol.ts';

export type ListenerName = 'tls' | 'plain';

/** Why a connection was not let in; a label of `commucat_connections_refused_total`. */
export type Refusal =
  | `proxy_${ProxyProtocolError['fault'] | OpeningError['fault']}`
  /** A PROXY header from an address that is no such proxy. */
  | 'proxy_forged'
  | `opening_${OpeningError['fault']}`
  /** The listener without TLS is not for this address. */
  | 'stranger'
  | 'internal';

/** Who may hold how many connections. What is judged badly is destroyed by the judge. */
export interface ConnectionJudge {
  /** Of a socket that was just accepted. */
  admit(socket: Socket): boolean;
  /** Of a socket whose proxy has said whose it is. */
  move(socket: Socket, address: string): boolean;
}

export interface ReceptionParts {
  readonly clock: Clock;
  readonly limits: Pick<Config['limits'], 'openingMs'>;
  readonly judge: ConnectionJudge;
  readonly proxies: Proxies;
  readonly onRefused: (listener: ListenerName, reason: Refusal, error?: unknown) => void;
}

/** What happens to a connection between its acceptance and its first byte of TLS or HTTP. */
export class Reception {
  readonly #parts: ReceptionParts;

  constructor(parts: ReceptionParts) {
    this.#parts = parts;
  }

  /** Finds out whose connection it is, and calls `welcome` with the address unless the connection is refused. */
  receive(listener: ListenerName, socket: Socket, welcome: (address: string) => void): void {
    const { judge, proxies } = this.#parts;
    if (!judge.admit(socket)) return;
    const peer = socket.remoteAddress ?? '';
    if (listener === 'plain' && !isLoopback(peer) && !proxies.has(peer)) {
      this.#refuse(listener, socket, 'stranger');
      return;
    }
    if (!proxies.speakProxyProtocol.has(peer)) {
      welcome(peer);
      return;
    }
    this.#read(listener, socket, parseProxyHeader, (header) => {
      if (header.kind === 'own') welcome(peer);
      else if (judge.move(socket, header.address)) welcome(header.address);
    });
  }

  /** Finds out which HTTP a connection without TLS speaks. */
  sniff(socket: Socket, welcome: (version: HttpVersion) => void): void {
    const look = (bytes: Uint8Array) => {
      const [version, forged] = [httpVersionOf(bytes), beginsProxyHeader(bytes)];
      return version === undefined || forged === undefined ? undefined : { length: 0, version, forged };
    };
    this.#read('plain', socket, look, ({ forged, version }) => {
      if (forged) this.#refuse('plain', socket, 'proxy_forged');
      else welcome(version);
    });
  }

  #read<T>(
    listener: ListenerName,
    socket: Socket,
    parse: (bytes: Uint8Array) => (T & { readonly length: number }) | undefined,
    then: (opening: T) => void,
  ): void {
    const { clock, limits } = this.#parts;
    const kind = listener === 'plain' && parse !== parseProxyHeader ? 'opening' : 'proxy';
    readOpening({ socket, clock, deadlineMs: limits.openingMs, parse })
      .then(then)
      .catch((error: unknown) => this.#refuse(listener, socket, reasonOf(kind, error), error));
  }

  #refuse(listener: ListenerName, socket: Socket, reason: Refusal, error?: unknown): void {
    socket.destroy();
    this.#parts.onRefused(listener, reason, error);
  }
}

function reasonOf(kind: 'opening' | 'proxy', error: unknown): Refusal {
  if (error instanceof ProxyProtocolError) return `proxy_${error.fault}`;
  return error instanceof OpeningError ? `${kind}_${error.fault}` : 'internal';
}
