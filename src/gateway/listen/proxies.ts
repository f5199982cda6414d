import type { IncomingHttpHeaders } from 'node:http';
import type { Config } from '../../config/index.ts';
import { AddressSet } from './address-set.ts';
import { type ForwardedHeader, forwardedAddress } from './forwarded.ts';

/** The proxies that the operator trusts to say who is behind them. docs/proxies.md. */
export class Proxies {
  /** Those that begin a connection with a PROXY header. */
  readonly speakProxyProtocol: AddressSet;
  /** Those whose requests say in a header who sent them. */
  readonly #forward: AddressSet;
  readonly #header: ForwardedHeader;

  constructor(server: Pick<Config['server'], 'proxyProtocolFrom' | 'forwardedFrom' | 'forwardedHeader'>) {
    this.speakProxyProtocol = new AddressSet(server.proxyProtocolFrom);
    this.#forward = new AddressSet(server.forwardedFrom);
    this.#header = server.forwardedHeader;
  }

  /** Whether an address is that of a proxy: its connections are other people's. */
  has(address: string): boolean {
    return this.speakProxyProtocol.has(address) || this.#forward.has(address);
  }

  /** Whether a peer names the client of each of its requests: its connections may be shared among clients. */
  namesClients(peer: string): boolean {
    return this.#forward.has(peer);
  }

  /** Who sent a request, given who is at the other end of its connection. */
  clientOf(peer: string, headers: IncomingHttpHeaders): string {
    return forwardedAddress(peer, headers, this.#forward, this.#header);
  }
}
