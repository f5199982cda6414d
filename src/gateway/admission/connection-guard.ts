import type { Socket } from 'node:net';
import type { CountedLimit } from '../../limits/index.ts';
import { addressKey } from './address-key.ts';

export interface GuardLimits {
  readonly connections: number;
  readonly connectionsPerAddress: number;
  readonly halfOpen: number;
  readonly halfOpenPerAddress: number;
  readonly handshakes: number;
  readonly handshakesPerAddress: number;
  readonly sessions: number;
  readonly sessionsPerAddress: number;
}

export interface ConnectionGuardParts {
  readonly limits: GuardLimits;
  readonly reached: (limit: CountedLimit) => void;
  /** Whether an address is that of a proxy, whose connections are other people's: it has no limits of its own. */
  readonly isProxy?: (address: string) => boolean;
}

interface Tally {
  connections: number;
  halfOpen: number;
  handshakes: number;
  sessions: number;
}

const NOBODY: Readonly<Tally> = { connections: 0, halfOpen: 0, handshakes: 0, sessions: 0 };

interface Visit {
  /** `undefined`: a proxy whose client is not known. */
  tally: Tally | undefined;
  key: string;
  settled: boolean;
}

/**
 * Counts connections and handshakes, in all and per address, from the accepted socket on: what a stranger may hold
 * before it has said anything. PROTOCOL.md 12.
 *
 * A connection is known by the addresses and ports of its two ends, which are the same for a socket and for the TLS
 * socket around it.
 */
export class ConnectionGuard {
  readonly #parts: ConnectionGuardParts;
  readonly #visits = new Map<string, Visit>();
  readonly #addresses = new Map<string, Tally>();
  #halfOpen = 0;
  #handshakes = 0;
  #sessions = 0;

  constructor(parts: ConnectionGuardParts) {
    this.#parts = parts;
  }

  /** Connections that are counted now, and of these, those without a first request. */
  get figures(): {
    readonly connections: number;
    readonly halfOpen: number;
    readonly handshakes: number;
    readonly sessions: number;
  } {
    return {
      connections: this.#visits.size,
      halfOpen: this.#halfOpen,
      handshakes: this.#handshakes,
      sessions: this.#sessions,
    };
  }

  /** Judges an accepted connection. One too many is destroyed at once, and false is returned. */
  admit(socket: Socket): boolean {
    const { remoteAddress } = socket;
    // Gone before it was looked at.
    if (remoteAddress === undefined) {
      socket.destroy();
      return false;
    }
    const { limits, isProxy } = this.#parts;
    const proxied = isProxy?.(remoteAddress) ?? false;
    const key = proxied ? '' : addressKey(remoteAddress);
    const known = this.#addresses.get(key);
    if (this.#visits.size >= limits.connections) return this.#refuse(socket, 'connections');
    if (this.#halfOpen >= limits.halfOpen) return this.#refuse(socket, 'halfOpen');
    const full = known === undefined ? undefined : this.#fullFor(known);
    if (full !== undefined) return this.#refuse(socket, full);
    const visit: Visit = { tally: undefined, key, settled: false };
    if (!proxied) this.#attribute(visit, key);
    this.#halfOpen += 1;
    const name = nameOf(socket);
    this.#visits.set(name, visit);
    socket.once('close', () => this.#leave(name, visit));
    return true;
  }

  /**
   * A proxy has said whose connection this is. When that address has too many, the socket is destroyed and false is
   * returned.
   */
  move(socket: Socket, address: string): boolean {
    const visit = this.#visits.get(nameOf(socket));
    if (visit === undefined || socket.destroyed) return false;
    const key = addressKey(address);
    const known = this.#addresses.get(key);
    const full = known === undefined || known === visit.tally ? undefined : this.#fullFor(known);
    if (full !== undefined) return this.#refuse(socket, full);
    this.#release(visit);
    this.#attribute(visit, key);
    return true;
  }

  /** The first request of the connection has come. */
  settle(socket: Socket): void {
    const visit = this.#visits.get(nameOf(socket));
    if (visit === undefined || visit.settled) return;
    visit.settled = true;
    this.#halfOpen -= 1;
    if (visit.tally !== undefined) visit.tally.halfOpen -= 1;
  }

  /**
   * Whether one more handshake of this address may begin, and a session come out of it; if not, it is counted as refused.
   *
   * @param known whether it is that of a device that was in before: only strangers are few at a time
   */
  mayShakeHands(address: string, known = false): boolean {
    const full = this.#fullForHandshake(address, known);
    if (full === undefined) return true;
    this.#parts.reached(full);
    return false;
  }

  /** A handshake begins; the caller calls what it gets when it is over, once. */
  handshake(address: string): () => void {
    const key = addressKey(address);
    const tally = this.#tally(key);
    tally.handshakes += 1;
    this.#handshakes += 1;
    return () => {
      tally.handshakes -= 1;
      this.#handshakes -= 1;
      this.#forgetIfEmpty(key, tally);
    };
  }

  /** A session begins; the caller calls what it gets when it is over, once. */
  session(address: string): () => void {
    const key = addressKey(address);
    const tally = this.#tally(key);
    tally.sessions += 1;
    this.#sessions += 1;
    return () => {
      tally.sessions -= 1;
      this.#sessions -= 1;
      this.#forgetIfEmpty(key, tally);
    };
  }

  #fullForHandshake(address: string, known: boolean): CountedLimit | undefined {
    const { isProxy, limits } = this.#parts;
    const { handshakes, sessions } = this.#addresses.get(addressKey(address)) ?? NOBODY;
    if (this.#handshakes >= limits.handshakes) return 'handshakes';
    if (!known && handshakes >= limits.handshakesPerAddress) return 'handshakesPerAddress';
    // Each handshake may become a session.
    if (this.#sessions + this.#handshakes >= limits.sessions) return 'sessions';
    const isEverybody = isProxy?.(address) ?? false;
    return !isEverybody && sessions + handshakes >= limits.sessionsPerAddress
      ? 'sessionsPerAddress'
      : undefined;
  }

  #fullFor({ connections, halfOpen }: Tally): CountedLimit | undefined {
    const { limits } = this.#parts;
    if (connections >= limits.connectionsPerAddress) return 'connectionsPerAddress';
    return halfOpen >= limits.halfOpenPerAddress ? 'halfOpenPerAddress' : undefined;
  }

  #refuse(socket: Socket, limit: CountedLimit): false {
    this.#parts.reached(limit);
    socket.destroy();
    return false;
  }

  #attribute(visit: Visit, key: string): void {
    const tally = this.#tally(key);
    tally.connections += 1;
    if (!visit.settled) tally.halfOpen += 1;
    visit.key = key;
    visit.tally = tally;
  }

  #release(visit: Visit): void {
    const { tally, key, settled } = visit;
    if (tally === undefined) return;
    tally.connections -= 1;
    if (!settled) tally.halfOpen -= 1;
    visit.tally = undefined;
    this.#forgetIfEmpty(key, tally);
  }

  #leave(name: string, visit: Visit): void {
    if (this.#visits.get(name) === visit) this.#visits.delete(name);
    if (!visit.settled) this.#halfOpen -= 1;
    this.#release(visit);
  }

  #tally(key: string): Tally {
    let tally = this.#addresses.get(key);
    if (tally === undefined) {
      tally = { ...NOBODY };
      this.#addresses.set(key, tally);
    }
    return tally;
  }

  #forgetIfEmpty(key: string, { connections, handshakes, sessions }: Tally): void {
    if (connections === 0 && handshakes === 0 && sessions === 0) this.#addresses.delete(key);
  }
}

function nameOf({ remoteAddress, remotePort, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localPort}`;
}
