import type {
  Transport,
  TransportConnection,
  TransportReceiver,
} from '../../src/client/transports/transport.ts';
import { concatBytes } from '../../src/protocol/bytes.ts';
import type { Scheduler } from '../kit/scheduler.ts';
import type { SimulatedServer } from './simulated-server.ts';

const LATENCY_MS = 1;

/** Connects a client with a SimulatedServer: in order, with latency, in pieces, and with cuts. */
export class SimulatedNetwork implements Transport {
  /** Pieces, of both directions, that the n-th connection carries before it breaks; none: it does not break. */
  readonly cuts: (number | undefined)[];
  opened = 0;
  /** What was shown with each request. */
  readonly tickets: (string | undefined)[] = [];
  /** Pieces that the last connection has carried. */
  carried = 0;
  /** Bytes written by the client, one entry for each call. */
  readonly writes: number[] = [];
  paused = false;
  /** What the server writes at one time arrives as one chunk instead of two for each write. */
  glued = false;
  refuse: Error | undefined;
  hang = false;
  #cutNow: (() => void) | undefined;
  readonly #clock: Scheduler;
  readonly #server: SimulatedServer;

  constructor(clock: Scheduler, server: SimulatedServer, cuts: readonly (number | undefined)[] = []) {
    this.#clock = clock;
    this.#server = server;
    this.cuts = [...cuts];
  }

  /** Breaks the connection that is open. */
  cut(): void {
    this.#cutNow?.();
  }

  async open(
    receiver: TransportReceiver,
    signal: AbortSignal,
    ticket?: string,
  ): Promise<TransportConnection> {
    this.opened += 1;
    this.tickets.push(ticket);
    if (this.hang) {
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    }
    if (this.refuse !== undefined) throw this.refuse;
    this.carried = 0;
    const limit = this.cuts.shift();
    let open = true;
    const held: Uint8Array[] = [];
    const cut = (): void => {
      if (!open) return;
      open = false;
      accepted.closed();
      receiver.closed(new Error('cut'));
    };
    this.#cutNow = cut;
    const carry = (bytes: Uint8Array, deliver: (piece: Uint8Array) => void): void => {
      const middle = bytes.length >> 1;
      for (const piece of [bytes.slice(0, middle), bytes.slice(middle)]) {
        this.#clock.after(LATENCY_MS, () => {
          if (!open) return;
          if (limit !== undefined && this.carried >= limit) {
            cut();
            return;
          }
          this.carried += 1;
          deliver(piece);
        });
      }
    };
    const toClient = (piece: Uint8Array): void => {
      if (this.paused) held.push(piece);
      else receiver.chunk(piece);
    };
    let glue: Uint8Array[] = [];
    const carryGlued = (bytes: Uint8Array): void => {
      glue.push(bytes.slice());
      if (glue.length > 1) return;
      this.#clock.after(LATENCY_MS, () => {
        const chunk = concatBytes(...glue);
        glue = [];
        if (open) toClient(chunk);
      });
    };
    const accepted = this.#server.accept({
      write: (bytes) => (this.glued ? carryGlued(bytes) : carry(bytes, toClient)),
      end: () => {
        this.#clock.after(LATENCY_MS, () => {
          if (!open) return;
          open = false;
          receiver.closed();
        });
      },
    });
    return {
      backlog: 0,
      write: (bytes) => {
        this.writes.push(bytes.length);
        carry(bytes, (piece) => accepted.chunk(piece));
      },
      pause: () => {
        this.paused = true;
      },
      resume: () => {
        this.paused = false;
        for (const piece of held.splice(0)) receiver.chunk(piece);
      },
      end: () => {
        this.#clock.after(LATENCY_MS, () => accepted.ended());
      },
      destroy: () => {
        if (!open) return;
        open = false;
        this.#clock.after(LATENCY_MS, () => accepted.closed());
      },
    };
  }
}
