/** HTTP/2 frames by hand (RFC 9113, 4.1), for what no client library would send. */

export const FRAME_TYPE = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

export const FLAG = { ACK: 1, END_STREAM: 1, END_HEADERS: 4 } as const;

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

const HEAD_BYTES = 9;

export interface Http2Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** `length`: a lie about the payload's length. */
export function http2Frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = new Uint8Array(0),
  length = payload.length,
): Buffer {
  const frame = Buffer.alloc(HEAD_BYTES + payload.length);
  frame.writeUIntBE(length, 0, 3);
  frame[3] = type;
  frame[4] = flags;
  frame.writeUInt32BE(stream, 5);
  frame.set(payload, HEAD_BYTES);
  return frame;
}

/** Literal header fields without indexing and without Huffman coding (RFC 7541, 6.2.2). */
export function headerBlock(headers: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(
    Object.entries(headers).flatMap(([name, value]) => [
      Buffer.from([0]),
      headerText(name),
      headerText(value),
    ]),
  );
}

function headerText(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const prefix = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) prefix.push((rest % 128) + 128);
  return Buffer.concat([Buffer.from([...prefix, rest]), bytes]);
}

export function requestHeaders(
  method: string,
  path: string,
  more: Readonly<Record<string, string>> = {},
): Buffer {
  return headerBlock({
    ':method': method,
    ':scheme': 'https',
    ':path': path,
    ':authority': 'localhost',
    ...more,
  });
}

export function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, 4 * index);
  return bytes;
}

/** Cuts what arrives into frames. */
export class Http2FrameReader {
  #buffered: Buffer = Buffer.alloc(0);

  *push(chunk: Buffer): Iterable<Http2Frame> {
    this.#buffered = Buffer.concat([this.#buffered, chunk]);
    while (this.#buffered.length >= HEAD_BYTES) {
      const length = this.#buffered.readUIntBE(0, 3);
      if (this.#buffered.length < HEAD_BYTES + length) return;
      const [type = 0, flags = 0] = [this.#buffered[3], this.#buffered[4]];
      const stream = this.#buffered.readUInt32BE(5) & 0x7fff_ffff;
      yield { type, flags, stream, payload: this.#buffered.subarray(HEAD_BYTES, HEAD_BYTES + length) };
      this.#buffered = this.#buffered.subarray(HEAD_BYTES + length);
    }
  }
}
