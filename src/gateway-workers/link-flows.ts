import { LIMIT_TABLE } from '../limits/index.ts';
import type { CancelTimer, Clock } from '../ports/ports.ts';
import type { LinkPort, SessionNumber } from '../relay-port/relay-port.ts';
import type { BatchPort } from './batch-port.ts';
import type { LinkCalls } from './link-calls.ts';
import { RelayCallWriter } from './relay-calls.ts';

/** Bytes of calls that the relay has not worked off: above the first nothing more is read, below the second it goes on. */
const HOLD_ABOVE = LIMIT_TABLE.relayPendingBytes.value;
const RELEASE_BELOW = HOLD_ABOVE / 2;
/** How often links that are behind are looked at, in milliseconds. */
const LOOK_MS = 5;

interface Flow {
  /** Bytes that the relay has handed to the link, and how many of them it knows to have left; both in its own count. */
  handed: number;
  reported: number;
  heldByRelay: boolean;
  heldByPort: boolean;
}

export interface LinkFlowsParts {
  readonly port: BatchPort;
  readonly links: LinkPort;
  readonly clock: Clock;
  /** The relay hears of so many bytes that have left a link, not of fewer. */
  readonly reportEvery: number;
}

/**
 * Makes the relay's calls on the links of this worker, and keeps both queues of the port short: tells the relay how far
 * each link has got, and stops reading while the relay cannot keep up.
 */
export class LinkFlows implements LinkCalls {
  readonly #parts: LinkFlowsParts;
  readonly #calls: RelayCallWriter;
  /** Sessions that have begun and not ended. */
  readonly #flows = new Map<SessionNumber, Flow>();
  /** Those whose progress the relay should hear of. */
  readonly #behind = new Set<SessionNumber>();
  /** Those that are not read because the relay has too much to work off. */
  readonly #held = new Set<SessionNumber>();
  #cancelLook: CancelTimer | undefined;

  constructor(parts: LinkFlowsParts) {
    this.#parts = parts;
    this.#calls = new RelayCallWriter(parts.port);
  }

  begin(session: SessionNumber): void {
    this.#flows.set(session, { handed: 0, reported: 0, heldByRelay: false, heldByPort: false });
  }

  forget(session: SessionNumber): void {
    this.#flows.delete(session);
    this.#behind.delete(session);
    this.#held.delete(session);
  }

  /** A frame of this session is on its way to the relay. */
  read(session: SessionNumber): void {
    if (this.#parts.port.pending <= HOLD_ABOVE) return;
    const flow = this.#flows.get(session);
    if (flow === undefined || flow.heldByPort) return;
    flow.heldByPort = true;
    this.#held.add(session);
    this.#parts.links.hold(session, true);
  }

  send(session: SessionNumber, type: number, channel: number, sequence: number, payload: Uint8Array): void {
    this.#parts.links.send(session, type, channel, sequence, payload);
  }

  flush(session: SessionNumber, mark: number, handed: number): void {
    const { links, reportEvery } = this.#parts;
    links.flush(session, mark);
    const flow = this.#flows.get(session);
    if (flow === undefined) return;
    flow.handed = handed;
    if (handed - flow.reported >= reportEvery) this.#behind.add(session);
  }

  hold(session: SessionNumber, held: boolean): void {
    const flow = this.#flows.get(session);
    if (flow === undefined) return;
    flow.heldByRelay = held;
    this.#parts.links.hold(session, held || flow.heldByPort);
  }

  end(session: SessionNumber, reason: string): void {
    this.forget(session);
    this.#parts.links.end(session, reason);
  }

  /** Called when a batch of the relay has been worked off. */
  endOfBatch(): void {
    if (this.#held.size > 0 && this.#parts.port.pending < RELEASE_BELOW) this.#release();
    if (this.#behind.size > 0 && this.#cancelLook === undefined) this.look();
  }

  /** Reports what has left the links that are behind. */
  look(): void {
    this.#cancelLook?.();
    this.#cancelLook = undefined;
    const { clock, links, reportEvery } = this.#parts;
    for (const session of this.#behind) {
      const flow = this.#flows.get(session);
      if (flow === undefined) continue;
      // The link counts encryption as well: it may seem to hold more than it was handed.
      const left = Math.max(flow.reported, flow.handed - links.backlog(session));
      if (left - flow.reported >= reportEvery) {
        flow.reported = left;
        this.#calls.passed(session, left);
      }
      if (flow.handed - flow.reported < reportEvery) this.#behind.delete(session);
    }
    if (this.#behind.size > 0) this.#cancelLook = clock.after(LOOK_MS, () => this.look());
  }

  #release(): void {
    const sessions = [...this.#held];
    this.#held.clear();
    for (const session of sessions) {
      const flow = this.#flows.get(session);
      if (flow === undefined) continue;
      flow.heldByPort = false;
      this.#parts.links.hold(session, flow.heldByRelay);
    }
  }
}
