import { RawTls, type TlsAddress } from './raw-tls.ts';

export const H2 = {
  DATA: 0x0,
  HEADERS: 0x1,
  PRIORITY: 0x2,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9,
} as const;

export const H2_FLAG = { ACK: 0x1, END_STREAM: 0x1, END_HEADERS: 0x4, PADDED: 0x8 } as const;

export const H2_ERROR = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  FLOW_CONTROL_ERROR: 0x3,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  ENHANCE_YOUR_CALM: 0xb,
} as const;

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

export interface H2Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A frame of RFC 9113, 4.1, also one that breaks its rules. */
export function h2Frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array | string = '',
  length?: number,
): Buffer {
  const bytes = Buffer.from(payload);
  const header = Buffer.alloc(9);
  header.writeUIntBE(length ?? bytes.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, bytes]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function setting(id: number, value: number): Buffer {
  return Buffer.concat([Buffer.from([id >> 8, id & 255]), uint32(value)]);
}

/** Fields as HPACK literals without indexing, names and values in clear (RFC 7541, 6.2.2). */
export function headerBlock(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.from([0]), hpackString(name), hpackString(value)]),
  );
}

function hpackString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const digits: number[] = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>= 7) digits.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([...digits, rest]), bytes]);
}

export const GET_READYZ: readonly (readonly [string, string])[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':path', '/readyz'],
  [':authority', 'localhost'],
];

/** HTTP/2 as frames, without any rule. */
export class RawHttp2 {
  readonly raw: RawTls;

  /** @param settings our first SETTINGS; undefined: not even a preface is sent */
  constructor(address: TlsAddress, settings: Uint8Array | undefined = Buffer.alloc(0)) {
    this.raw = new RawTls(address, 'h2');
    if (settings !== undefined) {
      this.raw.write(PREFACE);
      this.send(h2Frame(H2.SETTINGS, 0, 0, settings));
    }
  }

  send(...frames: readonly Uint8Array[]): this {
    this.raw.write(Buffer.concat(frames));
    return this;
  }

  request(stream: number, fields = GET_READYZ, flags: number = H2_FLAG.END_STREAM): this {
    return this.send(h2Frame(H2.HEADERS, flags | H2_FLAG.END_HEADERS, stream, headerBlock(fields)));
  }

  /** The next frame; undefined when the server has closed the connection. */
  next(): Promise<H2Frame | undefined> {
    return this.raw.take((received) => {
      if (received.length < 9) return undefined;
      const length = received.readUIntBE(0, 3);
      if (received.length < 9 + length) return undefined;
      const frame = {
        type: received.readUInt8(3),
        flags: received.readUInt8(4),
        stream: received.readUInt32BE(5) & 0x7fff_ffff,
        payload: received.subarray(9, 9 + length),
      };
      return { value: frame, bytes: 9 + length };
    });
  }

  /** The next frame that fits. @throws Error when the connection ends before */
  async until(fits: (frame: H2Frame) => boolean): Promise<H2Frame> {
    for (;;) {
      const frame = await this.next();
      if (frame === undefined) throw new Error('the server closed the connection');
      if (fits(frame)) return frame;
    }
  }

  /** What the server makes of an error: `GOAWAY code`, `RST_STREAM code`, or `closed` without a word. */
  async verdict(): Promise<string> {
    for (;;) {
      const frame = await this.next();
      if (frame === undefined) return 'closed';
      if (frame.type === H2.GOAWAY) return `GOAWAY ${nameOf(frame.payload.readUInt32BE(4))}`;
      if (frame.type === H2.RST_STREAM) return `RST_STREAM ${nameOf(frame.payload.readUInt32BE(0))}`;
    }
  }

  close(): void {
    this.raw.close();
  }
}

function nameOf(code: number): string {
  return Object.entries(H2_ERROR).find(([, value]) => value === code)?.[0] ?? String(code);
}
