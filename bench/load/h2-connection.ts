import { once } from 'node:events';
import type { Socket } from 'node:net';
import {
  controlFrame,
  fieldSection,
  frameHead,
  H2_DEFAULT_FRAME_SIZE,
  H2_DEFAULT_WINDOW,
  H2_FLAG,
  H2_HEAD_BYTES,
  H2_PREFACE,
  H2_SETTING,
  H2_TYPE,
  readSettings,
  readUint32,
  STATUS_200,
  settingsPayload,
  windowUpdate,
} from './h2-frames.ts';
import { H2Stream, type H2StreamOwner } from './h2-stream.ts';
import { TurnWriter } from './turn-writer.ts';

/** Windows as the server's, src/gateway/http/http2-door.ts: neither side ever waits for the other's window. */
export const STREAM_WINDOW = 1_048_576;
export const CONNECTION_WINDOW = 4 * STREAM_WINDOW;
/** Until the server says otherwise. */
const DEFAULT_MAX_STREAMS = 100;

/**
 * The client's side of an HTTP/2 connection, as little of it as the load needs. `node:http2` would join the messages of
 * a turn into one DATA frame, which no real device does, and cost more than the server that is to be measured.
 */
export class H2Connection implements H2StreamOwner {
  readonly #socket: Socket;
  readonly #authority: string;
  readonly #stopping: AbortSignal | undefined;
  readonly #writer: TurnWriter;
  readonly #streams = new Map<number, H2Stream>();
  readonly #ready: Promise<void>;
  #nextStream = 1;
  #sendWindow = H2_DEFAULT_WINDOW;
  #streamWindow = H2_DEFAULT_WINDOW;
  #maxFrameSize = H2_DEFAULT_FRAME_SIZE;
  #maxStreams = DEFAULT_MAX_STREAMS;
  #unreported = 0;
  #partial: Uint8Array = Buffer.alloc(0);
  #onReady: () => void = () => undefined;
  #closing = false;

  private constructor(socket: Socket, authority: string, stopping: AbortSignal | undefined) {
    this.#socket = socket;
    this.#stopping = stopping;
    this.#authority = authority;
    this.#writer = new TurnWriter((bytes) => {
      if (socket.writable) socket.write(bytes);
    });
    this.#ready = new Promise((resolve, reject) => {
      this.#onReady = resolve;
      socket.once('close', () => reject(new Error('the connection was closed before the first SETTINGS')));
    });
    // After the first SETTINGS nobody waits for it.
    this.#ready.catch(() => undefined);
    let failure: Error | undefined;
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('data', (chunk: Uint8Array) => this.#read(chunk));
    socket.on('close', () => this.#lost(failure ?? new Error('the connection was closed')));
    this.#writer.push(H2_PREFACE);
    this.#control(
      H2_TYPE.settings,
      0,
      0,
      settingsPayload([
        [H2_SETTING.enablePush, 0],
        [H2_SETTING.initialWindowSize, STREAM_WINDOW],
      ]),
    );
    this.#writer.push(windowUpdate(0, CONNECTION_WINDOW - H2_DEFAULT_WINDOW));
  }

  /** Takes over a socket on which nothing was sent, and resolves with the server's first SETTINGS. */
  static async over(socket: Socket, authority: string, stopping?: AbortSignal): Promise<H2Connection> {
    const connection = new H2Connection(socket, authority, stopping);
    await connection.#ready;
    return connection;
  }

  get stopping(): boolean {
    return this.#stopping?.aborted === true;
  }

  /** Streams that the server allows at once. */
  get maxStreams(): number {
    return this.#maxStreams;
  }

  /** A POST request. Resolves when its response has begun. @throws DoorClosedError if that is no 200 */
  async request(path: string, fields: Readonly<Record<string, string>> = {}): Promise<H2Stream> {
    const id = this.#nextStream;
    this.#nextStream += 2;
    const stream = new H2Stream(id, this.#streamWindow, this);
    this.#streams.set(id, stream);
    const scheme = 'encrypted' in this.#socket ? 'https' : 'http';
    const head = fieldSection({
      ':method': 'POST',
      ':scheme': scheme,
      ':authority': this.#authority,
      ':path': path,
      ...fields,
    });
    this.#control(H2_TYPE.headers, H2_FLAG.endHeaders, id, head);
    await stream.opened;
    return stream;
  }

  sendData(stream: H2Stream, unit: Uint8Array): void {
    if (stream.waiting.length > 0 || !this.#fits(stream, unit)) stream.waiting.push(unit);
    else this.#sendUnit(stream, unit);
  }

  endStream(stream: H2Stream): void {
    for (const unit of stream.waiting.splice(0)) this.#sendUnit(stream, unit);
    this.#control(H2_TYPE.data, H2_FLAG.endStream, stream.id, Buffer.alloc(0));
  }

  destroy(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  #fits(stream: H2Stream, unit: Uint8Array): boolean {
    return unit.length <= stream.sendWindow && unit.length <= this.#sendWindow;
  }

  #sendUnit(stream: H2Stream, unit: Uint8Array): void {
    stream.sendWindow -= unit.length;
    this.#sendWindow -= unit.length;
    for (let offset = 0; offset < unit.length; offset += this.#maxFrameSize) {
      const part = unit.subarray(offset, offset + this.#maxFrameSize);
      this.#writer.push(frameHead(H2_TYPE.data, 0, stream.id, part.length), part);
    }
  }

  #sendWaiting(stream: H2Stream): void {
    for (;;) {
      const unit = stream.waiting[0];
      if (unit === undefined || !this.#fits(stream, unit)) return;
      stream.waiting.shift();
      this.#sendUnit(stream, unit);
    }
  }

  #control(type: number, flags: number, stream: number, payload: Uint8Array): void {
    this.#writer.push(controlFrame(type, flags, stream, payload));
  }

  #read(chunk: Uint8Array): void {
    const bytes = this.#partial.length === 0 ? chunk : Buffer.concat([this.#partial, chunk]);
    let offset = 0;
    while (bytes.length - offset >= H2_HEAD_BYTES) {
      const begin = offset + H2_HEAD_BYTES;
      const end = begin + (readUint32(bytes, offset) >>> 8);
      if (end > bytes.length) break;
      const stream = readUint32(bytes, offset + 5) & 0x7fff_ffff;
      this.#frame(bytes[offset + 3] ?? 0, bytes[offset + 4] ?? 0, stream, bytes.subarray(begin, end));
      offset = end;
    }
    this.#partial = bytes.subarray(offset);
  }

  #frame(type: number, flags: number, id: number, payload: Uint8Array): void {
    switch (type) {
      case H2_TYPE.data:
        this.#data(id, flags, payload);
        return;
      case H2_TYPE.headers:
        this.#headers(id, flags, payload);
        return;
      case H2_TYPE.reset:
        this.#ended(id, readUint32(payload, 0));
        return;
      case H2_TYPE.settings:
        if ((flags & H2_FLAG.ack) === 0) this.#settings(payload);
        return;
      case H2_TYPE.ping:
        if ((flags & H2_FLAG.ack) === 0) this.#control(H2_TYPE.ping, H2_FLAG.ack, 0, payload);
        return;
      case H2_TYPE.windowUpdate:
        this.#windowGrew(id, readUint32(payload, 0));
        return;
      default:
      // Nothing else changes what the load does: after GOAWAY the streams that exist go on.
    }
  }

  #data(id: number, flags: number, payload: Uint8Array): void {
    if ((flags & H2_FLAG.padded) !== 0) throw new Error('padded DATA');
    const stream = this.#streams.get(id);
    this.#unreported += payload.length;
    if (this.#unreported > CONNECTION_WINDOW / 2) {
      this.#writer.push(windowUpdate(0, this.#unreported));
      this.#unreported = 0;
    }
    if (stream === undefined) return;
    stream.unreported += payload.length;
    if (stream.unreported > STREAM_WINDOW / 2) {
      this.#writer.push(windowUpdate(id, stream.unreported));
      stream.unreported = 0;
    }
    if (payload.length > 0) stream.received(payload);
    if ((flags & H2_FLAG.endStream) !== 0) this.#ended(id, 0);
  }

  #headers(id: number, flags: number, payload: Uint8Array): void {
    if ((flags & (H2_FLAG.padded | H2_FLAG.priority)) !== 0) {
      throw new Error('HEADERS with padding or priority');
    }
    this.#streams.get(id)?.responded(payload[0] === STATUS_200);
    if ((flags & H2_FLAG.endStream) !== 0) this.#ended(id, 0);
  }

  #settings(payload: Uint8Array): void {
    for (const [id, value] of readSettings(payload)) {
      if (id === H2_SETTING.maxConcurrentStreams) this.#maxStreams = value;
      if (id === H2_SETTING.maxFrameSize) this.#maxFrameSize = value;
      if (id !== H2_SETTING.initialWindowSize) continue;
      for (const stream of this.#streams.values()) stream.sendWindow += value - this.#streamWindow;
      this.#streamWindow = value;
    }
    this.#control(H2_TYPE.settings, H2_FLAG.ack, 0, Buffer.alloc(0));
    this.#onReady();
  }

  #windowGrew(id: number, increment: number): void {
    const stream = this.#streams.get(id);
    if (id === 0) this.#sendWindow += increment;
    else if (stream !== undefined) stream.sendWindow += increment;
    if (stream !== undefined) this.#sendWaiting(stream);
    if (id === 0) {
      for (const each of this.#streams.values()) this.#sendWaiting(each);
    }
  }

  /** The last stream takes the connection with it. */
  #ended(id: number, code: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    this.#streams.delete(id);
    const finish = (): void =>
      stream.ended(code === 0 ? undefined : new Error(`the stream was reset with code ${code}`));
    if (this.#streams.size > 0 || this.#closing) {
      finish();
      return;
    }
    this.#closing = true;
    this.#writer.flush();
    once(this.#socket, 'close').then(finish, finish);
    this.#socket.end();
  }

  #lost(error: Error): void {
    for (const stream of this.#streams.values()) stream.ended(error);
    this.#streams.clear();
  }
}
