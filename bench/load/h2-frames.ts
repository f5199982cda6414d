/** What the load needs of HTTP/2 (RFC 9113). */
export const H2_TYPE = {
  data: 0x0,
  headers: 0x1,
  reset: 0x3,
  settings: 0x4,
  ping: 0x6,
  goaway: 0x7,
  windowUpdate: 0x8,
} as const;

export const H2_FLAG = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const H2_SETTING = {
  enablePush: 0x2,
  maxConcurrentStreams: 0x3,
  initialWindowSize: 0x4,
  maxFrameSize: 0x5,
} as const;

export const H2_HEAD_BYTES = 9;
export const H2_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
/** Windows and frame size before any SETTINGS. */
export const H2_DEFAULT_WINDOW = 65_535;
export const H2_DEFAULT_FRAME_SIZE = 16_384;
/** `:status: 200` as every encoder writes it: an entry of the static table (RFC 7541, appendix A). */
export const STATUS_200 = 0x88;

/** The head of a frame, without its payload. */
export function frameHead(type: number, flags: number, stream: number, payloadLength: number): Buffer {
  const head = Buffer.allocUnsafe(H2_HEAD_BYTES);
  head.writeUIntBE(payloadLength, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return head;
}

export function controlFrame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  return Buffer.concat([frameHead(type, flags, stream, payload.length), payload]);
}

export function settingsPayload(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(6 * settings.length);
  for (const [index, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  }
  return payload;
}

export function readUint32(bytes: Uint8Array, offset: number): number {
  const high = ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
  const low = ((bytes[offset + 2] ?? 0) << 8) | (bytes[offset + 3] ?? 0);
  return high * 65_536 + low;
}

/** The settings in a SETTINGS frame, in their order. */
export function readSettings(payload: Uint8Array): readonly (readonly [id: number, value: number])[] {
  const settings: (readonly [number, number])[] = [];
  for (let offset = 0; offset + 6 <= payload.length; offset += 6) {
    settings.push([readUint32(payload, offset) >>> 16, readUint32(payload, offset + 2)]);
  }
  return settings;
}

export function windowUpdate(stream: number, increment: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(increment);
  return controlFrame(H2_TYPE.windowUpdate, 0, stream, payload);
}

/** A field section of literals without indexing and without Huffman code (RFC 7541, 6.2.2). */
export function fieldSection(fields: Readonly<Record<string, string>>): Buffer {
  const parts: Uint8Array[] = [];
  for (const [name, value] of Object.entries(fields)) {
    parts.push(Buffer.from([0]), fieldText(name), fieldText(value));
  }
  return Buffer.concat(parts);
}

function fieldText(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  // Longer ones would need an integer of several bytes.
  if (bytes.length > 126) throw new RangeError(`a field of ${bytes.length} bytes`);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}
