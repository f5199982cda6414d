import type { CancelTimer, Clock } from '../../ports/ports.ts';
import type { ByteArena } from '../../protocol/byte-arena.ts';
import { CommuCatError } from '../../protocol/frames/errors.ts';
import type { Frame } from '../../protocol/frames/frame.ts';
import { FrameDecoder } from '../../protocol/frames/frame-decoder.ts';
import { RecordOpener } from '../../protocol/noise/record.ts';
import type { Transport, TransportConnection, TransportReceiver } from '../transports/transport.ts';
import { ClientError } from '../values/client-error.ts';
import { textOf } from '../values/client-failures.ts';
import type { ClientHandshake, EstablishedStep } from './handshake.ts';
import { Heartbeat } from './heartbeat.ts';
import { RecordWriter } from './record-writer.ts';

export interface ConnectionEvents {
  /** The handshake is complete; frames may be sent from within this call on. */
  established(step: EstablishedStep): void;
  /** One frame. The payload never changes and is valid for as long as it is held. */
  frame(frame: Frame): void;
  /** The peer has been silent, and the transport cannot tell why: send something that it answers. */
  silent(): void;
  /** The last call: the connection is gone, or never came about. Not called after `destroy`. */
  closed(error: ClientError): void;
}

export interface ConnectionParts {
  readonly transport: Transport;
  readonly handshake: ClientHandshake;
  readonly clock: Clock;
  readonly arena: ByteArena;
  /** What the server gave this device to show. */
  readonly ticket: string | undefined;
  readonly connectTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
}

/** One connection: transport, handshake, records, frames. It ends once and is never used again. */
export class Connection {
  readonly #parts: ConnectionParts;
  readonly #events: ConnectionEvents;
  readonly #abort = new AbortController();
  readonly #decoder = new FrameDecoder();
  #pipe: TransportConnection | undefined;
  #opener: RecordOpener | undefined;
  #writer: RecordWriter | undefined;
  #cancelDeadline: CancelTimer | undefined;
  #heartbeat: Heartbeat | undefined;
  #flushScheduled = false;
  #ended = false;

  constructor(parts: ConnectionParts, events: ConnectionEvents) {
    this.#parts = parts;
    this.#events = events;
  }

  /** Bytes that the network has not taken yet. */
  get backlog(): number {
    return this.#pipe?.backlog ?? 0;
  }

  start(): void {
    const { transport, connectTimeoutMs } = this.#parts;
    this.#deadline(connectTimeoutMs, 'connecting');
    const receiver = {
      chunk: (bytes: Uint8Array) => this.#receive(bytes),
      closed: (error?: Error) => this.#fail(transportError(error)),
    };
    void this.#open(transport, receiver);
  }

  /** Sends one frame with all others of this turn. Only after `established`. */
  send(type: number, channel: number, sequence: number, payload: Uint8Array): void {
    if (this.#ended || this.#writer === undefined) return;
    this.#writer.add(type, channel, sequence, payload);
    if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      this.#parts.clock.soon(this.#flush);
    }
  }

  pause(): void {
    // An answer would not be seen.
    this.#heartbeat?.stop();
    this.#heartbeat = undefined;
    this.#pipe?.pause();
  }

  resume(): void {
    this.#pipe?.resume();
    this.#startHeartbeat();
  }

  /** Sends what is collected and ends our direction; `closed` follows when the server has ended too. */
  end(): void {
    if (this.#ended) return;
    this.#flush();
    this.#guard(() => this.#pipe?.end());
  }

  /** Drops the connection without any further call of its events. */
  destroy(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelDeadline?.();
    this.#heartbeat?.stop();
    this.#parts.handshake.destroy();
    this.#abort.abort();
    this.#pipe?.destroy();
  }

  readonly #write = (record: Uint8Array): void => {
    this.#pipe?.write(record);
  };

  readonly #flush = (): void => {
    this.#flushScheduled = false;
    if (!this.#ended) this.#guard(() => this.#writer?.flush(this.#write));
  };

  async #open(transport: Transport, receiver: TransportReceiver): Promise<void> {
    let pipe: TransportConnection;
    try {
      pipe = await transport.open(receiver, this.#abort.signal, this.#parts.ticket);
    } catch (error) {
      this.#fail(transportError(error));
      return;
    }
    this.#guard(() => this.#opened(pipe));
  }

  #opened(pipe: TransportConnection): void {
    if (this.#ended) {
      pipe.destroy();
      return;
    }
    this.#pipe = pipe;
    this.#deadline(this.#parts.handshakeTimeoutMs, 'the handshake');
    pipe.write(this.#parts.handshake.hello());
  }

  #receive(bytes: Uint8Array): void {
    if (this.#ended) return;
    this.#heartbeat?.heard();
    this.#guard(() => {
      if (this.#opener === undefined) this.#readHandshake(bytes);
      else this.#readRecords(this.#opener, bytes);
    });
  }

  /** All work of a connection is done in here: whatever is thrown ends the connection, and nothing but that. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(faultOf(error));
    }
  }

  #readHandshake(bytes: Uint8Array): void {
    this.#decoder.push(bytes);
    for (let frame = this.#decoder.next(); frame !== undefined; frame = this.#decoder.next()) {
      const step = this.#parts.handshake.read(frame);
      if (step.kind === 'send') {
        this.#pipe?.write(step.bytes);
        continue;
      }
      this.#cancelDeadline?.();
      // What lies behind the ACK in this chunk is already encrypted.
      const rest = bytes.subarray(bytes.length - this.#decoder.buffered);
      const frames = new FrameDecoder();
      const opener = new RecordOpener(step.noise.receive, this.#parts.arena);
      this.#frames = frames;
      this.#opener = opener;
      this.#writer = new RecordWriter(step.noise.send, this.#parts.arena);
      this.#startHeartbeat();
      this.#events.established(step);
      if (rest.length > 0) this.#readRecords(opener, rest);
      return;
    }
  }

  #frames: FrameDecoder = this.#decoder;

  #readRecords(opener: RecordOpener, bytes: Uint8Array): void {
    opener.push(bytes);
    for (let plaintext = opener.next(); plaintext !== undefined; plaintext = opener.next()) {
      this.#frames.push(plaintext);
      for (let frame = this.#frames.next(); frame !== undefined; frame = this.#frames.next()) {
        this.#events.frame(frame);
        if (this.#ended) return;
      }
    }
  }

  #startHeartbeat(): void {
    const { clock, transport } = this.#parts;
    if (this.#ended || this.#writer === undefined || transport.silence === undefined) return;
    const { timeoutMs } = transport.silence;
    this.#heartbeat ??= new Heartbeat(clock, transport.silence, {
      silent: () => this.#guard(() => this.#events.silent()),
      dead: () => this.#fail(new ClientError('CLIENT_TIMEOUT', `no answer for ${timeoutMs} ms`)),
    });
  }

  #deadline(delayMs: number, what: string): void {
    this.#cancelDeadline?.();
    this.#cancelDeadline = this.#parts.clock.after(delayMs, () => {
      this.#fail(new ClientError('CLIENT_TIMEOUT', `${what} took longer than ${delayMs} ms`));
    });
  }

  #fail(error: ClientError): void {
    if (this.#ended) return;
    this.destroy();
    this.#events.closed(error);
  }
}

function transportError(error: unknown): ClientError {
  if (error instanceof ClientError) return error;
  if (error === undefined) return new ClientError('CLIENT_DISCONNECTED', 'the server ended the connection');
  return new ClientError('CLIENT_TRANSPORT', `connection failed: ${textOf(error)}`, { cause: error });
}

function faultOf(cause: unknown): ClientError {
  if (cause instanceof ClientError) return cause;
  if (cause instanceof CommuCatError) {
    return new ClientError('CLIENT_PROTOCOL', `the server broke the protocol: ${textOf(cause)}`, { cause });
  }
  return new ClientError('CLIENT_TRANSPORT', `the connection failed: ${textOf(cause)}`, { cause });
}
