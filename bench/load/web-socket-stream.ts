import { once } from 'node:events';
import type { Socket } from 'node:net';
import { type ByteStream, DoorClosedError } from './byte-stream.ts';
import { TurnWriter } from './turn-writer.ts';

const HEAD_END = '\r\n\r\n';
const OPCODE = { continuation: 0x0, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const;
const FINAL = 0x80;
const MASKED = 0x80;
const MASK_BYTES = 4;
/** Any 16 bytes: nobody here checks that the answer belongs to it. */
const KEY = Buffer.alloc(16, 'commucat-bench').toString('base64');

/**
 * The client's side of RFC 6455, each unit a binary message. The mask is all zeros: it costs the load nothing, and the
 * server as much as any other.
 */
export class WebSocketStream implements ByteStream {
  readonly #socket: Socket;
  readonly #writer: TurnWriter;
  #partial: Uint8Array = Buffer.alloc(0);
  #open = true;
  onData: (chunk: Uint8Array) => void = () => undefined;
  onLost: (error: Error) => void = (error) => {
    throw error;
  };

  private constructor(socket: Socket, rest: Uint8Array, stopping: AbortSignal | undefined) {
    this.#socket = socket;
    this.#writer = new TurnWriter((bytes) => {
      if (socket.writable) socket.write(bytes);
    });
    let failure: Error | undefined;
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('close', () => {
      if (this.#open && stopping?.aborted !== true) {
        this.onLost(failure ?? new Error('the WebSocket was closed'));
      }
      this.#open = false;
    });
    socket.on('data', (chunk: Uint8Array) => this.#read(chunk));
    socket.resume();
    // Whoever opened the stream listens by then.
    if (rest.length > 0) setImmediate(() => this.#read(rest));
  }

  /** @throws DoorClosedError when the server does not switch protocols */
  static async over(socket: Socket, path: string, stopping?: AbortSignal): Promise<WebSocketStream> {
    socket.write(
      [
        `GET ${path} HTTP/1.1`,
        'host: localhost',
        'upgrade: websocket',
        'connection: Upgrade',
        `sec-websocket-key: ${KEY}`,
        'sec-websocket-version: 13',
        '',
        '',
      ].join('\r\n'),
    );
    const { head, rest } = await readHead(socket);
    if (!head.startsWith('HTTP/1.1 101')) {
      socket.destroy();
      throw new DoorClosedError(`${head.split('\r\n')[0]} ${Buffer.from(rest).toString()}`.trim());
    }
    return new WebSocketStream(socket, rest, stopping);
  }

  write(unit: Uint8Array): void {
    this.#send(OPCODE.binary, unit);
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#send(OPCODE.close, Buffer.alloc(0));
    this.#open = false;
    await once(this.#socket, 'close');
  }

  destroy(): void {
    this.#open = false;
    this.#socket.destroy();
  }

  #send(opcode: number, payload: Uint8Array): void {
    this.#writer.push(messageHead(opcode, payload.length), payload);
  }

  #read(chunk: Uint8Array): void {
    const bytes =
      this.#partial.length === 0
        ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
        : Buffer.concat([this.#partial, chunk]);
    let offset = 0;
    while (bytes.length - offset >= 2) {
      const { begin, end } = payloadRange(bytes, offset);
      if (end > bytes.length) break;
      this.#message((bytes[offset] ?? 0) & 0x0f, bytes.subarray(begin, end));
      offset = end;
    }
    this.#partial = bytes.subarray(offset);
  }

  #message(opcode: number, payload: Uint8Array): void {
    if (opcode === OPCODE.binary || opcode === OPCODE.continuation) this.onData(payload);
    else if (opcode === OPCODE.ping) this.#send(OPCODE.pong, payload);
    else if (opcode === OPCODE.close) this.#socket.end();
  }
}

function messageHead(opcode: number, length: number): Buffer {
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const head = Buffer.alloc(2 + extended + MASK_BYTES);
  head[0] = FINAL | opcode;
  head[1] = MASKED | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) head.writeUInt16BE(length, 2);
  if (extended === 8) head.writeUIntBE(length, 4, 6);
  return head;
}

/** Where the payload of the message at this offset lies; a message whose head is incomplete ends nowhere. */
function payloadRange(bytes: Buffer, offset: number): { readonly begin: number; readonly end: number } {
  const short = (bytes[offset + 1] ?? 0) & 0x7f;
  const begin = offset + 2 + (short < 126 ? 0 : short === 126 ? 2 : 8);
  if (begin > bytes.length) return { begin, end: Number.POSITIVE_INFINITY };
  if (short < 126) return { begin, end: begin + short };
  return {
    begin,
    end: begin + (short === 126 ? bytes.readUInt16BE(offset + 2) : bytes.readUIntBE(offset + 4, 6)),
  };
}

async function readHead(socket: Socket): Promise<{ readonly head: string; readonly rest: Uint8Array }> {
  let bytes: Buffer = Buffer.alloc(0);
  for (;;) {
    const end = bytes.indexOf(HEAD_END);
    if (end >= 0) {
      return { head: bytes.toString('latin1', 0, end), rest: bytes.subarray(end + HEAD_END.length) };
    }
    bytes = Buffer.concat([bytes, await nextChunk(socket)]);
  }
}

function nextChunk(socket: Socket): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const onClose = (): void => reject(new DoorClosedError('the server has closed the connection'));
    socket.once('close', onClose);
    socket.once('data', (chunk: Uint8Array) => {
      socket.off('close', onClose);
      // Nothing may pass by before the next reader is there.
      socket.pause();
      resolve(chunk);
    });
    socket.resume();
  });
}
