import type { LinkPort, SessionNumber } from '../../relay-port/relay-port.ts';
import type { Endpoint } from './endpoint.ts';

/** All sessions that the relay knows of, by number: the relay's way to their connections. */
export class LinkTable implements LinkPort {
  readonly #endpoints = new Map<SessionNumber, Endpoint>();
  readonly #step: number;
  #next: SessionNumber;

  /** Gateways that share a relay give out numbers apart from each other: `first`, `first + step`, … */
  constructor(first: SessionNumber = 1, step = 1) {
    this.#next = first;
    this.#step = step;
  }

  /** A number that was never used before. */
  nextNumber(): SessionNumber {
    const number = this.#next;
    this.#next += this.#step;
    return number;
  }

  /** Puts a session into the table, or another endpoint in its place. */
  set(session: SessionNumber, endpoint: Endpoint): void {
    this.#endpoints.set(session, endpoint);
  }

  delete(session: SessionNumber): void {
    this.#endpoints.delete(session);
  }

  get size(): number {
    return this.#endpoints.size;
  }

  /** The endpoints as they are now; they may leave the table while the caller walks through them. */
  endpoints(): readonly Endpoint[] {
    return [...this.#endpoints.values()];
  }

  send(session: SessionNumber, type: number, channel: number, sequence: number, payload: Uint8Array): void {
    this.#endpoints.get(session)?.send(type, channel, sequence, payload);
  }

  flush(session: SessionNumber, mark: number): void {
    this.#endpoints.get(session)?.flush(mark);
  }

  backlog(session: SessionNumber): number {
    return this.#endpoints.get(session)?.backlog() ?? 0;
  }

  hold(session: SessionNumber, held: boolean): void {
    this.#endpoints.get(session)?.hold(held);
  }

  end(session: SessionNumber, reason: string): void {
    this.#endpoints.get(session)?.end(reason);
  }
}
