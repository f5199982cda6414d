import { encodeJson, type JsonInput } from '../protocol/json-writer.ts';

const HEAD = new TextEncoder().encode('{"ack":');
const CLOSING_BRACE = 0x7d;
const ZERO = 0x30;

/** `{"ack":n}` is sent once per message: it is written into one reused buffer. The view is valid until the next call. */
export class AckWriter {
  readonly #buffer = new Uint8Array(HEAD.length + 11);

  constructor() {
    this.#buffer.set(HEAD);
  }

  write(sequence: number): Uint8Array {
    let digits = 1;
    for (let rest = sequence; rest >= 10; rest = Math.floor(rest / 10)) {
      digits += 1;
    }
    let rest = sequence;
    for (let at = HEAD.length + digits - 1; at >= HEAD.length; at -= 1) {
      const next = Math.floor(rest / 10);
      this.#buffer[at] = ZERO + rest - next * 10;
      rest = next;
    }
    this.#buffer[HEAD.length + digits] = CLOSING_BRACE;
    return this.#buffer.subarray(0, HEAD.length + digits + 1);
  }
}

/** An ACK with more than the number (PROTOCOL.md 5). */
export function acknowledgement(sequence: number, fields: Readonly<Record<string, JsonInput>>): Uint8Array {
  return encodeJson({ ack: sequence, ...fields });
}
