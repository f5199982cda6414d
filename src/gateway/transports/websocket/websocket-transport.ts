import type { Duplex } from 'node:stream';
import { LIMIT_TABLE } from '../../../limits/index.ts';
import type { CancelTimer, Clock } from '../../../ports/ports.ts';
import type { Transport, TransportHandler } from '../transport.ts';
import { closeOf } from './websocket-close.ts';
import {
  CLOSE_CODE,
  closePayload,
  controlFrame,
  headerLength,
  OPCODE,
  writeWebSocketFrame,
} from './websocket-frame.ts';
import { WebSocketError, type WebSocketEvents, WebSocketReader } from './websocket-reader.ts';
import { decodeText } from './websocket-text.ts';

const LIMITS = { maxBinary: LIMIT_TABLE.websocketMessage.value, maxText: LIMIT_TABLE.websocketText.value };
/** Time for the peer to answer our close frame and to close the connection, in milliseconds. */
const LINGER_MS = 10_000;
/** How often the peer is pinged; one that has not answered by the next ping is gone. In milliseconds. */
const PING_MS = 30_000;
/** What `websocketOverhead` is measured over, in milliseconds. */
const OVERHEAD_WINDOW_MS = 10_000;

export interface WebSocketParts {
  /** The connection, or the HTTP/2 stream, behind the opening handshake. */
  readonly stream: Duplex;
  readonly clock: Clock;
  /** Gives the stream up without an end. */
  readonly cut: () => void;
  /** A text message that is no base64 was dropped. */
  readonly onTextDropped: () => void;
}

/** RFC 6455 on the server's side, without extensions; the same over HTTP/1.1 and HTTP/2 (RFC 8441). PROTOCOL.md 2.7. */
export class WebSocketTransport implements Transport, WebSocketEvents {
  readonly framing = 'messages';
  readonly #parts: WebSocketParts;
  readonly #reader = new WebSocketReader(this, LIMITS);
  #handler: TransportHandler | undefined;
  /** The handler knows that it is over, or has ended it itself: what arrives is not its business any more. */
  #over = false;
  #closed = false;
  #closeSent = false;
  #closeReceived = false;
  #closeCode: number | undefined;
  #paused = false;
  /** The ping that waits for a write before it is answered; a newer one takes its place (RFC 6455, 5.5.3). */
  #pongNext: Buffer | undefined;
  #pongUnderWay = false;
  /** Numbers of our pings, and what waits for their answers. */
  #pings = 0;
  #answered = 0;
  #questions: { readonly ping: number; readonly done: (received: boolean) => void }[] = [];
  /** Frames that brought nothing, and since when they are counted; monotonic milliseconds. */
  #overhead = 0;
  #overheadSince = Number.NEGATIVE_INFINITY;
  #cancelPing: CancelTimer;
  #cancelLinger: CancelTimer | undefined;

  constructor(parts: WebSocketParts) {
    this.#parts = parts;
    this.#cancelPing = this.#watch(0);
  }

  attach(handler: TransportHandler): void {
    const first = this.#handler === undefined;
    this.#handler = handler;
    if (!first) return;
    const { stream } = this.#parts;
    stream.on('data', (chunk: Uint8Array) => this.#onData(chunk));
    // Without a close frame the connection is lost, not closed; nobody is left to be told why.
    stream.on('end', () => {
      this.#closeSent = true;
      this.#lose();
      stream.end();
    });
    stream.on('close', () => {
      this.#cancelPing();
      this.#cancelLinger?.();
      this.#lose();
    });
    // 'close' follows and says all that a session has to know.
    stream.on('error', () => undefined);
  }

  write(chunks: readonly Uint8Array[], taken: () => void): void {
    if (this.#closeSent || this.#parts.stream.destroyed) return;
    let length = 0;
    for (const chunk of chunks) length += headerLength(chunk.length) + chunk.length;
    // One buffer: TLS would put the pieces together anyway.
    const frames = Buffer.allocUnsafe(length);
    let at = 0;
    for (const chunk of chunks) at = writeWebSocketFrame(frames, at, OPCODE.BINARY, chunk);
    this.#parts.stream.write(frames, (error) => (error == null ? taken() : undefined));
  }

  /** A ping has its own clock here, and it is no keepalive of the session. */
  keepalive(): boolean {
    return false;
  }

  confirm(done: (received: boolean) => void): void {
    if (!this.#ping()) done(false);
    else this.#questions.push({ ping: this.#pings, done });
  }

  end(reason: string): void {
    this.#leave();
    const answer = this.#closeReceived ? { code: this.#closeCode, reason: '' } : closeOf(reason);
    this.#close(answer.code, answer.reason);
  }

  reset(): void {
    this.#leave();
    this.#parts.cut();
  }

  pause(): void {
    this.#paused = true;
    this.#parts.stream.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#parts.stream.resume();
  }

  onBytes(bytes: Uint8Array): void {
    if (!this.#over) this.#handler?.onData(bytes);
  }

  onText(message: Buffer): void {
    if (this.#over) return;
    const bytes = decodeText(message);
    if (bytes === undefined) this.#parts.onTextDropped();
    else if (bytes.length > 0) this.#handler?.onData(bytes);
  }

  onTextHeld(bytes: number): void {
    if (!this.#over) this.#handler?.onHeld?.(bytes);
  }

  /** Neither the meter of a session nor flow control sees such frames, and each costs us time. */
  onOverhead(): void {
    const now = this.#parts.clock.monotonic();
    if (now - this.#overheadSince >= OVERHEAD_WINDOW_MS) {
      this.#overheadSince = now;
      this.#overhead = 0;
    }
    this.#overhead += 1;
    if (this.#overhead > LIMIT_TABLE.websocketOverhead.value) {
      throw new WebSocketError(CLOSE_CODE.POLICY, 'websocket_flood', 'too many frames that bring nothing');
    }
  }

  onPing(payload: Buffer): void {
    this.#pongNext = payload;
    this.#pong();
  }

  onPong(payload: Buffer): void {
    if (payload.length !== 4) return;
    const ping = payload.readUInt32BE(0);
    // Whoever makes pongs up can only harm its own session.
    if (ping <= this.#answered || ping > this.#pings) return;
    this.#answered = ping;
    const ready = this.#questions.filter((question) => question.ping <= ping);
    this.#questions = this.#questions.filter((question) => question.ping > ping);
    for (const { done } of ready) done(true);
  }

  onClose(code: number | undefined): void {
    this.#closeReceived = true;
    this.#closeCode = code;
    if (this.#over) this.#finish();
    else this.#handler?.onEnd();
  }

  #onData(chunk: Uint8Array): void {
    if (this.#closeReceived) return;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      if (!(error instanceof WebSocketError)) throw error;
      // RFC 6455, 7.1.7: nothing more is read from it, not even its close frame.
      this.#closeReceived = true;
      this.#close(error.closeCode, error.reason);
      this.#lose(error.reason);
    }
  }

  #lose(reason?: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#leave();
    this.#handler?.onClosed(reason);
  }

  /** Nobody counts any more what the peer begins. */
  #leave(): void {
    this.#over = true;
    this.#reader.discardText();
  }

  #close(code: number | undefined, reason: string): void {
    if (this.#closeSent) return;
    this.#closeSent = true;
    this.#cancelPing();
    const { clock, cut, stream } = this.#parts;
    if (stream.destroyed) return;
    stream.write(controlFrame(OPCODE.CLOSE, closePayload(code, reason)));
    this.#cancelLinger = clock.after(LINGER_MS, cut);
    // The peer's close frame may be behind much that nobody reads any more.
    this.resume();
    if (this.#closeReceived) this.#finish();
  }

  /** Both close frames are said, or ours was the last word: the server closes first. RFC 6455, 7.1.1. */
  #finish(): void {
    this.#parts.stream.end();
  }

  /** At most one pong waits in the stream, so a peer that pings and does not read costs nothing. */
  #pong(): void {
    const payload = this.#pongNext;
    if (payload === undefined || this.#pongUnderWay || this.#closeSent) return;
    this.#pongNext = undefined;
    this.#pongUnderWay = true;
    this.#parts.stream.write(controlFrame(OPCODE.PONG, payload), () => {
      this.#pongUnderWay = false;
      this.#pong();
    });
  }

  /** False when there is nobody left to ask. */
  #ping(): boolean {
    const { stream } = this.#parts;
    if (this.#closeSent || stream.destroyed) return false;
    this.#pings += 1;
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(this.#pings);
    return stream.write(controlFrame(OPCODE.PING, payload)) || true;
  }

  /** Finds peers that vanished without a word. `asked`: the ping that must be answered by now. PROTOCOL.md 2.8. */
  #watch(asked: number): CancelTimer {
    return this.#parts.clock.after(PING_MS, () => {
      // While we do not read, no answer can arrive.
      if (this.#answered < asked && !this.#paused) {
        this.#lose('no_pong');
        this.#parts.cut();
        return;
      }
      if (!this.#paused) this.#ping();
      this.#cancelPing = this.#watch(this.#pings);
    });
  }
}
