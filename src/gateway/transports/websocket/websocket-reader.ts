import { isUtf8 } from 'node:buffer';
import { CLOSE_CODE, MAX_CONTROL_PAYLOAD, OPCODE } from './websocket-frame.ts';
import { unmask } from './websocket-mask.ts';

/** The peer broke RFC 6455 or a limit; the connection fails with `closeCode`. `reason`: a stable word. */
export class WebSocketError extends Error {
  readonly closeCode: number;
  readonly reason: string;

  constructor(
    closeCode: number,
    reason: 'websocket_protocol' | 'websocket_text' | 'websocket_too_big' | 'websocket_flood',
    detail: string,
  ) {
    super(detail);
    this.closeCode = closeCode;
    this.reason = reason;
  }
}

/** What a reader finds, in the order of the wire. Views are of the pushed chunk where the doc says so. */
export interface WebSocketEvents {
  /** Some bytes of a binary message, unmasked: a view of the pushed chunk. */
  onBytes(bytes: Uint8Array): void;
  /** A whole text message, valid UTF-8; the caller's to keep. */
  onText(message: Buffer): void;
  /** So many bytes are kept of a text message that is not complete. */
  onTextHeld(bytes: number): void;
  onPing(payload: Buffer): void;
  onPong(payload: Buffer): void;
  /** A frame began that brings no bytes of a message: a control frame, or an empty fragment. May throw WebSocketError. */
  onOverhead(): void;
  /** `code`: undefined when the peer gave none. Nothing comes after it. */
  onClose(code: number | undefined): void;
}

export interface WebSocketLimits {
  /** Longest binary message, all of its fragments, in bytes. It is never buffered. */
  readonly maxBinary: number;
  /** Longest text message in bytes. It is buffered as it arrives. */
  readonly maxText: number;
}

const MASKED = 0x80;
const RESERVED_BITS = 0x70;
const LONGEST_HEADER = 14;
const FIRST_TEXT_BUFFER = 1024;
const EMPTY = Buffer.alloc(0);

/**
 * Reads what a client sends after the opening handshake (RFC 6455, 5), from chunks of any size. Every header is judged byte by
 * byte as it arrives, before memory is spent on its payload; binary payloads are unmasked where they lie and passed on at
 * once, so a message costs no memory however long it is.
 */
export class WebSocketReader {
  readonly #events: WebSocketEvents;
  readonly #limits: WebSocketLimits;
  readonly #header = Buffer.alloc(LONGEST_HEADER);
  #headerBytes = 0;
  /** Length of this header, as far as it is known. */
  #headerNeeded = 2;
  /** Payload bytes of this frame that are still to come; -1 while its header is read. */
  #remaining = -1;
  /** Payload bytes of this frame that were unmasked, modulo 4. */
  #maskAt = 0;
  /** Of the data message that is being read; 0 between messages. */
  #messageOpcode = 0;
  #messageBytes = 0;
  #text = EMPTY;
  #keepsText = true;
  readonly #control = Buffer.alloc(MAX_CONTROL_PAYLOAD);
  #controlBytes = 0;
  #closed = false;

  constructor(events: WebSocketEvents, limits: WebSocketLimits) {
    this.#events = events;
    this.#limits = limits;
  }

  /**
   * Takes a chunk, which it changes. What follows a close frame is thrown away.
   *
   * @throws WebSocketError; the reader must not be used any more
   */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && !this.#closed) {
      if (this.#remaining < 0) {
        this.#header[this.#headerBytes] = chunk[at] ?? 0;
        this.#headerBytes += 1;
        at += 1;
        this.#readHeader();
      } else {
        const end = Math.min(chunk.length, at + this.#remaining);
        this.#readPayload(chunk.subarray(at, end));
        at = end;
      }
    }
  }

  /** Text messages are wanted no more: from now on only a close frame is waited for, and nothing is kept. */
  discardText(): void {
    this.#keepsText = false;
    this.#text = EMPTY;
  }

  get #opcode(): number {
    return this.#byte(0) & 0x0f;
  }

  get #final(): boolean {
    return this.#byte(0) >= 0x80;
  }

  #byte(index: number): number {
    return this.#header[index] ?? 0;
  }

  /** Looks at the newest byte of the header. */
  #readHeader(): void {
    if (this.#headerBytes === 1) this.#checkOpcode();
    else if (this.#headerBytes === 2) this.#checkLength7();
    if (this.#headerBytes < this.#headerNeeded) {
      // The mask is not needed to refuse a length.
      if (this.#headerBytes === this.#headerNeeded - 4) this.#checkLength();
      return;
    }
    this.#remaining = this.#payloadLength();
    this.#maskAt = 0;
    if (this.#remaining === 0 || isControl(this.#opcode)) this.#events.onOverhead();
    if (this.#remaining === 0) this.#endFrame();
  }

  #checkOpcode(): void {
    if ((this.#byte(0) & RESERVED_BITS) !== 0) protocolError('a reserved bit is set');
    const opcode = this.#opcode;
    switch (opcode) {
      case OPCODE.CONTINUATION:
        if (this.#messageOpcode === 0) protocolError('a continuation of nothing');
        return;
      case OPCODE.TEXT:
      case OPCODE.BINARY:
        if (this.#messageOpcode !== 0) protocolError('a message within a message');
        return;
      case OPCODE.CLOSE:
      case OPCODE.PING:
      case OPCODE.PONG:
        if (!this.#final) protocolError('a control frame in fragments');
        return;
      default:
        protocolError('a reserved opcode');
    }
  }

  #checkLength7(): void {
    const second = this.#byte(1);
    if (second < MASKED) protocolError('an unmasked frame');
    const length = second & 0x7f;
    if (isControl(this.#opcode) && length > MAX_CONTROL_PAYLOAD) {
      protocolError('a control frame of more than 125 bytes');
    }
    this.#headerNeeded = 6 + (length === 126 ? 2 : length === 127 ? 8 : 0);
  }

  /** Once per frame, as soon as its length is known: lies are refused before they cost anything. */
  #checkLength(): void {
    const length = this.#payloadLength();
    if (this.#headerNeeded === 8 && length < 126) protocolError('a length in more bytes than it needs');
    if (this.#headerNeeded === 14) {
      if (this.#byte(2) >= 0x80) protocolError('a negative length');
      if (length < 0x1_0000) protocolError('a length in more bytes than it needs');
    }
    const opcode = this.#opcode;
    if (isControl(opcode)) return;
    const first = opcode === OPCODE.CONTINUATION ? this.#messageOpcode : opcode;
    const most = first === OPCODE.TEXT ? this.#limits.maxText : this.#limits.maxBinary;
    if (this.#messageBytes + length > most) {
      throw new WebSocketError(
        CLOSE_CODE.TOO_BIG,
        'websocket_too_big',
        `a message of more than ${most} bytes`,
      );
    }
    this.#messageOpcode = first;
    this.#messageBytes += length;
  }

  /** Exact up to 2^53, and beyond that larger than any limit. */
  #payloadLength(): number {
    if (this.#headerNeeded === 6) return this.#byte(1) & 0x7f;
    if (this.#headerNeeded === 8) return this.#header.readUInt16BE(2);
    return this.#header.readUInt32BE(2) * 0x1_0000_0000 + this.#header.readUInt32BE(6);
  }

  #readPayload(bytes: Uint8Array): void {
    unmask(bytes, this.#header, this.#headerNeeded - 4, this.#maskAt);
    this.#maskAt = (this.#maskAt + bytes.length) & 3;
    this.#remaining -= bytes.length;
    if (isControl(this.#opcode)) {
      this.#control.set(bytes, this.#controlBytes);
      this.#controlBytes += bytes.length;
    } else if (this.#messageOpcode === OPCODE.BINARY) {
      this.#events.onBytes(bytes);
    } else {
      this.#keepText(bytes);
    }
    if (this.#remaining === 0) this.#endFrame();
  }

  /** Memory follows the bytes that arrived, not the length that a peer claims. */
  #keepText(bytes: Uint8Array): void {
    if (!this.#keepsText) return;
    const before = this.#messageBytes - this.#remaining - bytes.length;
    const needed = before + bytes.length;
    if (needed > this.#text.length) {
      const grown = Buffer.allocUnsafe(Math.max(FIRST_TEXT_BUFFER, needed, 2 * this.#text.length));
      grown.set(this.#text.subarray(0, before));
      this.#text = grown;
      this.#events.onTextHeld(grown.length);
    }
    this.#text.set(bytes, before);
  }

  #endFrame(): void {
    const opcode = this.#opcode;
    const final = this.#final;
    this.#remaining = -1;
    this.#headerBytes = 0;
    this.#headerNeeded = 2;
    if (isControl(opcode)) {
      const payload = Buffer.from(this.#control.subarray(0, this.#controlBytes));
      this.#controlBytes = 0;
      this.#endControl(opcode, payload);
    } else if (final) {
      this.#endMessage();
    }
  }

  #endMessage(): void {
    const opcode = this.#messageOpcode;
    const text = this.#text.subarray(0, this.#messageBytes);
    this.#messageOpcode = 0;
    this.#messageBytes = 0;
    this.#text = EMPTY;
    if (opcode !== OPCODE.TEXT || !this.#keepsText) return;
    this.#events.onTextHeld(0);
    if (!isUtf8(text)) textError('a text message that is not UTF-8');
    this.#events.onText(text);
  }

  #endControl(opcode: number, payload: Buffer): void {
    if (opcode === OPCODE.PING) {
      this.#events.onPing(payload);
    } else if (opcode === OPCODE.PONG) {
      this.#events.onPong(payload);
    } else {
      const code = closeCodeOf(payload);
      this.#closed = true;
      this.#events.onClose(code);
    }
  }
}

function closeCodeOf(payload: Buffer): number | undefined {
  if (payload.length === 0) return undefined;
  if (payload.length === 1) protocolError('half a close code');
  const code = payload.readUInt16BE(0);
  // RFC 6455, 7.4, and the registry behind it: the others are reserved or must not be sent.
  const registered = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
  if (!registered && (code < 3000 || code > 4999)) protocolError('a close code that must not be sent');
  if (!isUtf8(payload.subarray(2))) textError('a close reason that is not UTF-8');
  return code;
}

function isControl(opcode: number): boolean {
  return opcode >= OPCODE.CLOSE;
}

function protocolError(detail: string): never {
  throw new WebSocketError(CLOSE_CODE.PROTOCOL_ERROR, 'websocket_protocol', detail);
}

function textError(detail: string): never {
  throw new WebSocketError(CLOSE_CODE.INVALID_DATA, 'websocket_text', detail);
}
