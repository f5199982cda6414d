import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../ports/ports.ts';

/** A device that was in before, as far as its ticket tells: it has not proved anything yet. */
export interface KnownDevice {
  /** The same for all tickets of a device, and no way back to it. */
  readonly name: string;
  /** Whether the ticket was given to the device of this id. */
  isOf(deviceId: string): boolean;
}

export type TicketFault = 'expired' | 'invalid';

export interface TicketsOptions {
  /** Secrets, 16 bytes or more each: the first one makes tickets, all of them check. */
  readonly secrets: () => readonly Uint8Array[];
  readonly clock: Clock;
}

/** Seconds that a ticket is worth something. */
const LIFE_SECONDS = 7 * 86_400;
const VERSION = 1;
const EXPIRY_AT = 1;
const NAME_AT = 5;
const NAME_BYTES = 8;
const SEAL_AT = NAME_AT + NAME_BYTES;
const SEAL_BYTES = 16;
const TICKET_BYTES = SEAL_AT + SEAL_BYTES;
/** Base64url of so many bytes. */
const TICKET_CHARACTERS = Math.ceil((TICKET_BYTES * 4) / 3);

/**
 * Tickets that let a device which was in before reconnect ahead of strangers: version, expiry in Unix seconds, a keyed hash
 * of the device id, and a MAC over these. The server keeps nothing of them, so they hold after a restart, which is when
 * they matter. A ticket opens nothing: it buys a place in the queue of its address and no handshake of another device.
 * PROTOCOL.md 2.1.
 */
export class Tickets {
  readonly #options: TicketsOptions;

  constructor(options: TicketsOptions) {
    this.#options = options;
  }

  /** A new ticket for a device that has proved its keys. */
  issue(deviceId: string): string {
    const [secret] = this.#options.secrets();
    if (secret === undefined) throw new TypeError('there is no secret to make a ticket with');
    const ticket = Buffer.alloc(TICKET_BYTES);
    ticket[0] = VERSION;
    ticket.writeUInt32BE((this.#now() + LIFE_SECONDS) >>> 0, EXPIRY_AT);
    nameOf(secret, deviceId).copy(ticket, NAME_AT);
    sealOf(secret, ticket).copy(ticket, SEAL_AT);
    return ticket.toString('base64url');
  }

  /** Whose ticket it is, or what is wrong with it. */
  check(text: string): KnownDevice | TicketFault {
    if (text.length !== TICKET_CHARACTERS) return 'invalid';
    const ticket = Buffer.from(text, 'base64url');
    if (ticket.length !== TICKET_BYTES || ticket[0] !== VERSION) return 'invalid';
    const seal = ticket.subarray(SEAL_AT);
    const secret = this.#options.secrets().find((one) => timingSafeEqual(sealOf(one, ticket), seal));
    if (secret === undefined) return 'invalid';
    const left = ticket.readUInt32BE(EXPIRY_AT) - this.#now();
    // A clock that was ahead once must not have made tickets that never end.
    if (left <= 0 || left > LIFE_SECONDS) return 'expired';
    const name = ticket.subarray(NAME_AT, SEAL_AT);
    return { name: name.toString('hex'), isOf: (deviceId) => nameOf(secret, deviceId).equals(name) };
  }

  #now(): number {
    return Math.floor(this.#options.clock.now() / 1000);
  }
}

/** A secret for tickets that follows from another one, and tells nothing about it. */
export function ticketSecret(secret: Uint8Array): Uint8Array {
  return createHmac('sha256', secret).update('commucat reconnect ticket').digest();
}

function nameOf(secret: Uint8Array, deviceId: string): Buffer {
  return createHmac('sha256', secret).update(`device\0${deviceId}`).digest().subarray(0, NAME_BYTES);
}

/** Over everything before the seal. */
function sealOf(secret: Uint8Array, ticket: Buffer): Buffer {
  const sealed = ticket.subarray(0, SEAL_AT);
  return createHmac('sha256', secret).update('seal\0').update(sealed).digest().subarray(0, SEAL_BYTES);
}
