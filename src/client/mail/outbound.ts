import { utf8 } from '../../protocol/bytes.ts';
import { FRAME } from '../../protocol/frames/frame-types.ts';
import { serialAfter } from '../../protocol/serial.ts';
import { ClientError } from '../values/client-error.ts';
import { Queue } from '../values/queue.ts';
import { abortable, checkSize, type Entry, newEntry, rejoin } from './outbound-entry.ts';
import type { Acknowledgement, Receipt } from './receipt.ts';
import type { UpstreamSequence } from './upstream-sequence.ts';

/** Where frames go while there is a session. */
export interface FrameLink {
  send(type: number, channel: number, sequence: number, payload: Uint8Array): void;
}

export interface OutboundLimits {
  /** Frames without an answer. */
  readonly frames: number;
  /** Bytes of payload without an answer; one frame may always go. */
  readonly bytes: number;
  /** Sends that may wait for room. */
  readonly waiting: number;
}

/** What a server tells about the frames of former sessions (PROTOCOL.md 11.3). */
export interface Resumption {
  /** The highest durable sequence of this device in the server's log. */
  readonly received: number;
  /** Frames that it refused for good and whose answer may have been lost. */
  readonly refused: ReadonlyMap<number, ClientError>;
}

/**
 * Frames on their way up: without loss, doubles or change of order across connections (PROTOCOL.md 11.3). What has no
 * answer is kept, bounded; after a new handshake the channels are joined again, and what lies above the server's
 * `received` goes again in its old order with its old sequences.
 */
export class Outbound {
  readonly #limits: OutboundLimits;
  readonly #sequence: UpstreamSequence;
  readonly #rejoinFailed: (channel: number, error: ClientError) => void;
  /** In the order in which they are sent. */
  #entries = new Map<number, Entry>();
  readonly #waiting = new Queue<Entry>();
  /** Channels whose JOIN was acknowledged, with its payload. */
  readonly #joined = new Map<number, Uint8Array>();
  #link: FrameLink | undefined;
  #resumes = true;
  #frames = 0;
  #bytes = 0;
  #failure: ClientError | undefined;
  #onIdle: (() => void)[] = [];
  #onRoom: (() => void)[] = [];

  constructor(
    limits: OutboundLimits,
    sequence: UpstreamSequence,
    rejoinFailed: (channel: number, error: ClientError) => void,
  ) {
    this.#limits = limits;
    this.#sequence = sequence;
    this.#rejoinFailed = rejoinFailed;
  }

  /** Durable frames, and memberships, without an answer or still waiting for room. */
  get outstanding(): number {
    return this.#frames + this.#waiting.length;
  }

  get writable(): boolean {
    return this.#waiting.length === 0 && this.#hasRoom(0);
  }

  get channels(): readonly number[] {
    return [...this.#joined.keys()];
  }

  /** Sends a frame that is kept until it has an answer. */
  post(
    kind: 'durable' | 'membership',
    type: number,
    channel: number,
    payload: Uint8Array,
    signal?: AbortSignal,
  ): Promise<Receipt> {
    const refused = this.#failure ?? checkSize(channel, payload) ?? aborted(signal);
    if (refused !== undefined) return Promise.reject(refused);
    return new Promise((resolve, reject) => {
      const abandon = (): void => {
        entry.abandoned = true;
      };
      const waiting =
        signal === undefined ? { resolve, reject } : abortable(signal, { resolve, reject }, abandon);
      const entry = newEntry({ kind, type, channel, payload }, waiting);
      if (this.#waiting.length === 0 && this.#hasRoom(payload.length)) this.#admit(entry);
      else if (this.#waiting.length < this.#limits.waiting) this.#waiting.push(entry);
      else entry.reject(new ClientError('CLIENT_OVERLOADED', `${this.#limits.waiting} sends wait already`));
    });
  }

  /** Sends a frame that makes sense now or never, and waits for its answer. */
  request(type: number, channel: number, payload: Uint8Array): Promise<Receipt> {
    const refused = this.#failure ?? checkSize(channel, payload);
    if (refused !== undefined) return Promise.reject(refused);
    if (this.#link === undefined) {
      return Promise.reject(new ClientError('CLIENT_DISCONNECTED', 'not connected'));
    }
    return new Promise((resolve, reject) => {
      const sequence = this.#sequence.next();
      const entry = newEntry({ kind: 'live', type, channel, payload }, { resolve, reject });
      entry.sequence = sequence;
      this.#entries.set(sequence, entry);
      this.#link?.send(type, channel, sequence, payload);
    });
  }

  /** Sends a frame whose answer nobody needs. False when it is dropped because there is no connection. */
  cast(type: number, channel: number, payload: Uint8Array): boolean {
    if (this.#failure !== undefined || this.#link === undefined) return false;
    const tooLarge = checkSize(channel, payload);
    if (tooLarge !== undefined) throw tooLarge;
    this.#link.send(type, channel, this.#sequence.next(), payload);
    return true;
  }

  /** Joins a channel again after every reconnect. */
  remember(channel: number, payload: Uint8Array): void {
    this.#joined.set(channel, payload);
  }

  /** Joins it no more. */
  forget(channel: number): void {
    this.#joined.delete(channel);
  }

  /** Confirms inbox numbers up to this one (PROTOCOL.md 11.2). */
  confirm(number: number): void {
    this.#link?.send(FRAME.ACK, 0, this.#sequence.next(), utf8(`{"ack":${number}}`));
  }

  /**
   * A session begins: joins again, settles what the server has or has refused, sends the rest again.
   *
   * @param resumption undefined without the capability `resume`: what was sent before is then rejected, because nobody
   *   knows whether it arrived
   */
  attach(link: FrameLink, resumption: Resumption | undefined): void {
    this.#link = link;
    this.#resumes = resumption !== undefined;
    if (resumption !== undefined) this.#sequence.passed(resumption.received);
    const former = this.#entries;
    this.#entries = new Map();
    for (const [channel, payload] of this.#joined) {
      this.#transmit(rejoin(channel, payload), this.#sequence.next());
    }
    for (const entry of former.values()) {
      if (entry.kind === 'membership') this.#transmit(entry, this.#sequence.next());
      else if (resumption === undefined) this.#lose(entry);
      else this.#resume(entry, resumption);
    }
    this.#refill();
  }

  /** The session is gone. */
  detach(): void {
    this.#link = undefined;
    for (const [sequence, entry] of this.#entries) {
      if (entry.kind === 'live') entry.reject(new ClientError('CLIENT_DISCONNECTED', 'the connection broke'));
      if (entry.kind === 'live' || entry.kind === 'rejoin') this.#entries.delete(sequence);
    }
  }

  /** The server answered a frame by ACK. True when it keeps the effect of something that it was asked for. */
  acknowledged(sequence: number, acknowledgement: Acknowledgement): boolean {
    const entry = this.#entries.get(sequence);
    if (entry === undefined) return false;
    this.#entries.delete(sequence);
    this.#settle(entry, acknowledgement);
    this.#refill();
    return entry.kind === 'durable' || entry.kind === 'membership';
  }

  /**
   * The server answered a frame by ERROR.
   *
   * @returns `unknown` when no such frame waits; `reconnect` when it is kept: the server could not store it, and only
   *   a new handshake tells what the log has
   */
  refused(sequence: number, error: ClientError): 'unknown' | 'settled' | 'reconnect' {
    const entry = this.#entries.get(sequence);
    if (entry === undefined) return 'unknown';
    if (entry.kind === 'durable' && this.#resumes && error.wire?.error === 'storage') {
      entry.refusal = error;
      return 'reconnect';
    }
    this.#entries.delete(sequence);
    if (entry.kind === 'rejoin') {
      this.#joined.delete(entry.channel);
      this.#rejoinFailed(entry.channel, error);
    } else {
      this.#reject(entry, error);
    }
    this.#refill();
    return 'settled';
  }

  /** Takes no more frames; those it has go on. */
  seal(error: ClientError): void {
    this.#failure ??= error;
  }

  /** Rejects everything that has no answer. */
  fail(error: ClientError): void {
    this.#failure ??= error;
    this.#link = undefined;
    const entries = this.#entries;
    this.#entries = new Map();
    for (const entry of entries.values()) entry.reject(error);
    for (let entry = this.#waiting.shift(); entry !== undefined; entry = this.#waiting.shift()) {
      entry.reject(error);
    }
    this.#frames = 0;
    this.#bytes = 0;
    this.#wake();
  }

  /** Resolves when nothing waits for an answer. */
  idle(): Promise<void> {
    if (this.outstanding === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** Resolves when a frame can be sent without waiting. @throws ClientError when the client has ended */
  async room(): Promise<void> {
    while (!this.writable && this.#failure === undefined) {
      await new Promise<void>((resolve) => this.#onRoom.push(resolve));
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #hasRoom(bytes: number): boolean {
    if (this.#frames === 0) return true;
    return this.#frames < this.#limits.frames && this.#bytes + bytes <= this.#limits.bytes;
  }

  #admit(entry: Entry): void {
    this.#frames += 1;
    this.#bytes += entry.payload.length;
    this.#transmit(entry, this.#sequence.next());
  }

  #transmit(entry: Entry, sequence: number): void {
    entry.sequence = sequence;
    entry.refusal = undefined;
    this.#entries.set(sequence, entry);
    this.#link?.send(entry.type, entry.channel, sequence, entry.payload);
  }

  /** Whether a durable frame of a former session arrived is the server's word. */
  #resume(entry: Entry, { received, refused }: Resumption): void {
    const refusal = refused.get(entry.sequence);
    if (received === 0 || serialAfter(entry.sequence, received)) this.#transmit(entry, entry.sequence);
    else if (refusal === undefined) this.#settle(entry, undefined);
    else this.#reject(entry, refusal);
  }

  #settle(entry: Entry, acknowledgement: Acknowledgement | undefined): void {
    const { channel, sequence } = entry;
    if (entry.refusal !== undefined) {
      // The server refused it and then stored later frames: it cannot be sent any more without a change of order.
      this.#reject(entry, entry.refusal);
      return;
    }
    if (entry.type === FRAME.JOIN) this.#joined.set(channel, entry.payload);
    if (entry.type === FRAME.LEAVE) this.#joined.delete(channel);
    entry.resolve({
      channel,
      sequence,
      stored: acknowledgement?.stored,
      notStored: acknowledgement?.notStored ?? 0,
      acknowledgement: acknowledgement?.document,
    });
    this.#release(entry);
  }

  #reject(entry: Entry, error: ClientError): void {
    entry.reject(error);
    this.#release(entry);
  }

  #lose(entry: Entry): void {
    const text = 'the connection broke; the frame may have arrived';
    this.#reject(entry, new ClientError('CLIENT_DISCONNECTED', text));
  }

  #release(entry: Entry): void {
    if (entry.kind === 'live' || entry.kind === 'rejoin') return;
    this.#frames -= 1;
    this.#bytes -= entry.payload.length;
  }

  /** Lets waiting sends follow, in their order. */
  #refill(): void {
    for (let entry = this.#waiting.peek(); entry !== undefined; entry = this.#waiting.peek()) {
      if (!entry.abandoned && !this.#hasRoom(entry.payload.length)) break;
      this.#waiting.shift();
      if (!entry.abandoned) this.#admit(entry);
    }
    this.#wake();
  }

  #wake(): void {
    if (this.outstanding === 0 && this.#onIdle.length > 0) {
      for (const resolve of this.#onIdle.splice(0)) resolve();
    }
    if (this.#onRoom.length > 0 && (this.writable || this.#failure !== undefined)) {
      for (const resolve of this.#onRoom.splice(0)) resolve();
    }
  }
}

function aborted(signal: AbortSignal | undefined): ClientError | undefined {
  if (signal?.aborted !== true) return undefined;
  return new ClientError('CLIENT_ABORTED', 'aborted before it was sent', { cause: signal.reason });
}
