import type { RateLimiter, Verdict } from './rate-limiter.ts';
import type { KnownDevice, TicketFault, Tickets } from './tickets.ts';

export interface AdmissionParts {
  readonly tickets: Tickets;
  readonly limiters: ConnectLimiters;
  readonly onTicket: (result: 'valid' | TicketFault) => void;
}

/** What limits requests for `/connect`. */
export interface ConnectLimiters {
  /** Strangers, by address. */
  readonly connect: RateLimiter;
  /** Devices that were in before, by address: many people may share one, and all come back at once after a restart. */
  readonly known: RateLimiter;
  /** Devices that were in before, each for itself. */
  readonly device: RateLimiter;
}

export type ConnectVerdict =
  | { readonly allowed: true; readonly known: KnownDevice | undefined }
  | Extract<Verdict, { allowed: false }>;

/** Who may try a handshake now: a device with a ticket ahead of strangers, as long as it does not come too often. */
export class ConnectAdmission {
  readonly #parts: AdmissionParts;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /** Counts one request for `/connect` and judges it. `ticket`: as the peer sent it. */
  check(address: string, ticket: string | undefined): ConnectVerdict {
    const { limiters } = this.#parts;
    const known = ticket === undefined ? undefined : this.#deviceOf(ticket);
    // A device that keeps coming waits among the strangers: its ticket is used up for now.
    if (known !== undefined && limiters.device.check(known.name).allowed) {
      const verdict = limiters.known.check(address);
      return verdict.allowed ? { allowed: true, known } : verdict;
    }
    const verdict = limiters.connect.check(address);
    return verdict.allowed ? { allowed: true, known: undefined } : verdict;
  }

  #deviceOf(ticket: string): KnownDevice | undefined {
    const { onTicket, tickets } = this.#parts;
    const device = tickets.check(ticket);
    onTicket(typeof device === 'string' ? device : 'valid');
    return typeof device === 'string' ? undefined : device;
  }
}
