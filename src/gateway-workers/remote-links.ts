import { LIMIT_TABLE } from '../limits/index.ts';
import type { LinkPort, RelayPort, SessionNumber } from '../relay-port/relay-port.ts';
import type { BatchPort } from './batch-port.ts';
import { LinkCallWriter } from './link-calls.ts';

/** What a frame weighs beside its payload, at most: its own head, and that of a record for it alone. */
const FRAME_OVERHEAD = 36;
/** Bytes of calls that a worker has not worked off: above the first its links count as full, below the second no more. */
const BEHIND_ABOVE = LIMIT_TABLE.workerPendingBytes.value;
const CAUGHT_UP_BELOW = BEHIND_ABOVE / 2;

/** The links of one worker, seen from the relay. */
export interface RemoteWorker {
  readonly port: BatchPort;
  readonly calls: LinkCallWriter;
  readonly links: Map<SessionNumber, RemoteLink>;
  /** Links that only count as full because the worker is behind. */
  readonly waiting: Set<RemoteLink>;
}

export function remoteWorker(port: BatchPort): RemoteWorker {
  return { port, calls: new LinkCallWriter(port), links: new Map(), waiting: new Set() };
}

interface RemoteLink {
  readonly session: SessionNumber;
  readonly worker: RemoteWorker;
  /** Bytes handed to the worker, and how many of these have left it; since the session began. */
  handed: number;
  passed: number;
  /** The relay was told that there is no room, and waits for `writable`. */
  full: boolean;
}

/**
 * The links of all gateway workers, seen from the relay: calls go into the batch of the worker that holds the session. What
 * waits at a link is known by what was handed to it and what its worker says has left.
 */
export class RemoteLinks implements LinkPort {
  readonly #links = new Map<SessionNumber, RemoteLink>();
  readonly #fullAt: number;

  /** @param fullAt bytes from which on the relay takes a link for full */
  constructor(fullAt: number) {
    this.#fullAt = fullAt;
  }

  get size(): number {
    return this.#links.size;
  }

  /** A worker has asked for this session. */
  open(session: SessionNumber, worker: RemoteWorker): void {
    const link: RemoteLink = { session, worker, handed: 0, passed: 0, full: false };
    this.#links.set(session, link);
    worker.links.set(session, link);
  }

  /** The session is gone; calls for it are ignored from now on. */
  close(session: SessionNumber): void {
    const link = this.#links.get(session);
    if (link === undefined) return;
    this.#links.delete(session);
    link.worker.links.delete(session);
    link.worker.waiting.delete(link);
  }

  send(session: SessionNumber, type: number, channel: number, sequence: number, payload: Uint8Array): void {
    const link = this.#links.get(session);
    if (link === undefined) return;
    link.handed += payload.length + FRAME_OVERHEAD;
    link.worker.calls.send(session, type, channel, sequence, payload);
  }

  flush(session: SessionNumber, mark: number): void {
    const link = this.#links.get(session);
    link?.worker.calls.flush(session, mark, link.handed);
  }

  backlog(session: SessionNumber): number {
    const link = this.#links.get(session);
    if (link === undefined) return 0;
    const own = link.handed - link.passed;
    if (own >= this.#fullAt) {
      link.full = true;
      return own;
    }
    if (link.worker.port.pending <= BEHIND_ABOVE) return own;
    link.full = true;
    link.worker.waiting.add(link);
    return this.#fullAt;
  }

  hold(session: SessionNumber, held: boolean): void {
    this.#links.get(session)?.worker.calls.hold(session, held);
  }

  end(session: SessionNumber, reason: string): void {
    const link = this.#links.get(session);
    if (link === undefined) return;
    link.worker.calls.end(session, reason);
    this.close(session);
  }

  /** So many bytes have left the link of this session, all together. */
  passed(session: SessionNumber, bytes: number, relay: Pick<RelayPort, 'writable'>): void {
    const link = this.#links.get(session);
    if (link === undefined) return;
    link.passed = bytes;
    this.#offerRoom(link, relay);
  }

  /** The worker has worked something off. */
  progressed(worker: RemoteWorker, relay: Pick<RelayPort, 'writable'>): void {
    if (worker.waiting.size === 0 || worker.port.pending >= CAUGHT_UP_BELOW) return;
    const waiting = [...worker.waiting];
    worker.waiting.clear();
    for (const link of waiting) this.#offerRoom(link, relay);
  }

  #offerRoom(link: RemoteLink, relay: Pick<RelayPort, 'writable'>): void {
    if (!link.full || link.handed - link.passed >= this.#fullAt / 2) return;
    link.full = false;
    relay.writable(link.session);
  }
}
