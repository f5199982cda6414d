import { encodeJson, type JsonInput } from '../../protocol/json/json-writer.ts';

const encoder = new TextEncoder();
const ACK = encoder.encode('{"ack":');
const STORED = encoder.encode(',"stored":');
const CLOSING_BRACE = 0x7d;
const ZERO = 0x30;
/** Of a number below 2^32. */
const MOST_DIGITS = 10;

/**
 * `{"ack":n}` and `{"ack":n,"stored":k}` are sent once per message: they are written into one reused buffer. The view is
 * valid until the next call.
 */
export class AckWriter {
  readonly #buffer = new Uint8Array(ACK.length + STORED.length + 2 * MOST_DIGITS + 1);

  constructor() {
    this.#buffer.set(ACK);
  }

  /** @param stored left out when it is undefined */
  write(sequence: number, stored?: number): Uint8Array {
    const buffer = this.#buffer;
    let at = this.#digits(ACK.length, sequence);
    if (stored !== undefined) {
      buffer.set(STORED, at);
      at = this.#digits(at + STORED.length, stored);
    }
    buffer[at] = CLOSING_BRACE;
    return buffer.subarray(0, at + 1);
  }

  /** Returns where the number ends. */
  #digits(start: number, number: number): number {
    let end = start + 1;
    for (let rest = number; rest >= 10; rest = Math.floor(rest / 10)) end += 1;
    let rest = number;
    for (let at = end - 1; at >= start; at -= 1) {
      const next = Math.floor(rest / 10);
      this.#buffer[at] = ZERO + rest - next * 10;
      rest = next;
    }
    return end;
  }
}

/** An ACK with more than the number (PROTOCOL.md 5). */
export function acknowledgement(sequence: number, fields: Readonly<Record<string, JsonInput>>): Uint8Array {
  return encodeJson({ ack: sequence, ...fields });
}
