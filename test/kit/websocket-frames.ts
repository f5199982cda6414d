import { randomBytes } from 'node:crypto';

export interface FrameOptions {
  readonly final?: boolean;
  /** The three reserved bits, 0 to 7. */
  readonly reserved?: number;
  /** undefined: a random one; null: none at all. */
  readonly mask?: Uint8Array | null;
  /** What the length says, when it is a lie. */
  readonly length?: bigint | number;
  /** Bytes of the length, when they are more than it needs. */
  readonly lengthBytes?: 0 | 2 | 8;
}

/** A client's frame of RFC 6455, 5.2, also one that breaks its rules. */
export function clientFrame(
  opcode: number,
  payload: Uint8Array | string,
  options: FrameOptions = {},
): Buffer {
  const bytes = Buffer.from(payload);
  const length = BigInt(options.length ?? bytes.length);
  const mask = options.mask === undefined ? randomBytes(4) : options.mask;
  const lengthBytes = options.lengthBytes ?? (length < 126n ? 0 : length < 65_536n ? 2 : 8);
  const first = (options.final === false ? 0 : 0x80) | ((options.reserved ?? 0) << 4) | opcode;
  const marker = lengthBytes === 0 ? Number(length) : lengthBytes === 2 ? 126 : 127;
  const extended = Buffer.alloc(lengthBytes);
  if (lengthBytes === 2) extended.writeUInt16BE(Number(length));
  if (lengthBytes === 8) extended.writeBigUInt64BE(length);
  const masked = bytes.map((byte, index) => byte ^ (mask?.[index % 4] ?? 0));
  return Buffer.concat([
    Buffer.from([first, marker | (mask === null ? 0 : 0x80)]),
    extended,
    mask ?? Buffer.alloc(0),
    masked,
  ]);
}

export interface ServerFrame {
  readonly final: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
}

/** Reads what a server sends. @throws Error for anything that a server must not send */
export class ServerFrames {
  #waiting: Buffer = Buffer.alloc(0);

  push(chunk: Uint8Array): readonly ServerFrame[] {
    this.#waiting = Buffer.concat([this.#waiting, chunk]);
    const frames: ServerFrame[] = [];
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame);
    return frames;
  }

  #next(): ServerFrame | undefined {
    const bytes = this.#waiting;
    if (bytes.length < 2) return undefined;
    const [first = 0, second = 0] = bytes;
    if ((first & 0x70) !== 0) throw new Error('the server set a reserved bit');
    if (second >= 0x80) throw new Error('the server masked a frame');
    const start = second === 126 ? 4 : second === 127 ? 10 : 2;
    if (bytes.length < start) return undefined;
    const length =
      second === 126 ? bytes.readUInt16BE(2) : second === 127 ? Number(bytes.readBigUInt64BE(2)) : second;
    if (start === 4 && length < 126) throw new Error('the server wrote a long length for a short frame');
    if (start === 10 && length < 65_536) throw new Error('the server wrote a long length for a short frame');
    if (bytes.length < start + length) return undefined;
    this.#waiting = bytes.subarray(start + length);
    return { final: first >= 0x80, opcode: first & 0x0f, payload: bytes.subarray(start, start + length) };
  }
}
