import type { CountedLimit } from '../../limits/index.ts';
import { decodeErrorPayload, errorPayload } from '../../protocol/frames/errors.ts';
import { FrameError } from '../../protocol/frames/frame.ts';
import { FrameDecoder } from '../../protocol/frames/frame-decoder.ts';
import { FRAME } from '../../protocol/frames/frame-types.ts';
import type { HandshakeResult } from '../../protocol/noise/noise.ts';
import { RecordError, RecordOpener, RecordSealer } from '../../protocol/noise/record.ts';
import type { Generation, SessionNumber } from '../../relay-port/relay-port.ts';
import type { PartialHolder } from '../admission/partial-input.ts';
import type { Transport, TransportHandler } from '../transports/transport.ts';
import type { GatewayContext } from './context.ts';
import type { Endpoint } from './endpoint.ts';
import { Outgoing } from './outgoing.ts';
import { SessionMeter } from './session-meter.ts';

/** Time for the last words to a slow peer before the stream is reset, in milliseconds. */
const LAST_WORDS_MS = 1_000;

/**
 * Time between questions to the peer's transport, in milliseconds. As long as the cursors take to be written: what is asked
 * more often costs a write and a read each time, and a crash forgets it all the same.
 */
const ASK_INTERVAL_MS = 500;

export interface LinkFacts {
  readonly session: SessionNumber;
  /** Its name in logs. */
  readonly tag: string;
  readonly generation: Generation;
  readonly ciphers: Pick<HandshakeResult, 'send' | 'receive'>;
  /** Sequence of the next ACK or ERROR. */
  readonly controlSequence: number;
  /** Called once, when the session is over. */
  readonly ended: () => void;
}

/**
 * An established session's connection: records and frames in both directions. PROTOCOL.md 4, 6.
 *
 * Every chunk is decrypted, decoded and handed to the relay within the turn in which it arrived. What the relay sends is
 * collected until `flush`, which makes one write of it. Reading stops while the peer takes less than it causes.
 */
export class Link implements Endpoint, TransportHandler, PartialHolder {
  readonly #context: GatewayContext;
  readonly #transport: Transport;
  readonly #facts: LinkFacts;
  readonly #opener: RecordOpener | undefined;
  readonly #decoder: FrameDecoder;
  readonly #outgoing: Outgoing;
  #open = true;
  #controlSequence: number;
  /** Bytes given to the transport that it has not taken. */
  #inTransport = 0;
  /** When the transport last took something, or began to have something; monotonic milliseconds. Not before the last write. */
  #progressAt: number;
  /** A mark without bytes of its own: it is reached when the transport has taken everything before it. */
  #trailingMark = 0;
  /** The newest mark that our transport has taken, and whether the peer's is being asked about it. */
  #takenMark = 0;
  #asking = false;
  /** Monotonic milliseconds of the last question. */
  #askedAt = Number.NEGATIVE_INFINITY;
  /** Reading rests: the peer takes less than it causes, or the relay has enough for now. */
  #backlogged = false;
  #held = false;
  #paused = false;
  readonly #meter: SessionMeter;
  /** Frames that the chunk at hand has brought. */
  #frames = 0;
  /** Whether the peer was heard since the last tick, and when it was; monotonic milliseconds. */
  #heard = false;
  #heardAt: number;
  /** Bytes kept of what the peer has begun and not finished: by the transport, and in all. */
  #keptBelow = 0;
  #kept = 0;
  /** Whether anything was finished since the last tick, and when it was, as far as the ticks know; monotonic milliseconds. */
  #finished = false;
  #finishedAt: number;

  constructor(context: GatewayContext, transport: Transport, facts: LinkFacts) {
    this.#context = context;
    this.#transport = transport;
    this.#facts = facts;
    this.#controlSequence = facts.controlSequence;
    this.#heardAt = context.clock.monotonic();
    this.#finishedAt = this.#heardAt;
    this.#meter = new SessionMeter(context.bounds, context.clock, (limit) => this.#metered(limit));
    this.#decoder = new FrameDecoder({ maxFrameLength: context.limits.maxFrame });
    const records = facts.generation === 'records';
    this.#opener = records ? new RecordOpener(facts.ciphers.receive, context.arena) : undefined;
    const sealer = records ? new RecordSealer(facts.ciphers.send) : undefined;
    this.#outgoing = new Outgoing(sealer, transport.framing);
    this.#progressAt = context.clock.monotonic();
  }

  onData(chunk: Uint8Array): void {
    if (!this.#open) return;
    this.#heard = true;
    try {
      if (this.#opener === undefined) this.#readFrames(chunk);
      else this.#readRecords(this.#opener, chunk);
    } catch (error) {
      if (error instanceof RecordError) this.#close('record', error.code);
      else if (error instanceof FrameError) this.#sayAndClose('decode', decodeErrorPayload(), error.kind);
      else throw error;
    }
    if (this.#frames > 0) this.#finished = true;
    this.#meter.spend(this.#frames, chunk.length);
    this.#frames = 0;
    this.#countKept();
  }

  onHeld(bytes: number): void {
    this.#keptBelow = bytes;
    this.#countKept();
  }

  outOfRoom(): void {
    if (!this.#open) return;
    const detail = 'the server has no room for a frame that does not end';
    this.#sayAndClose('frame_timeout', errorPayload('frame_timeout', detail), 'room');
  }

  onEnd(): void {
    // A peer that says goodbye has read what was sent to it.
    if (this.#open && this.#takenMark > 0) this.#context.relay.received(this.#facts.session, this.#takenMark);
    this.#close('client_closed');
  }

  onClosed(reason = 'connection_lost'): void {
    this.#close(reason);
  }

  send(type: number, channel: number, sequence: number, payload: Uint8Array): void {
    if (!this.#open) return;
    this.#outgoing.append(type, channel, sequence, payload);
    this.#context.counters.egress[type]?.add();
    if (type === FRAME.ACK || type === FRAME.ERROR) this.#controlSequence = (sequence + 1) >>> 0;
  }

  flush(mark: number): void {
    if (!this.#open) return;
    const bytes = this.#write(mark);
    if (bytes === 0 && mark > 0) this.#reachWithoutBytes(mark);
    if (this.backlog() > this.#context.limits.sessionBacklogBytes) {
      this.#backlogged = true;
      this.#pauseOrResume();
    }
  }

  backlog(): number {
    return this.#inTransport + this.#outgoing.bytes;
  }

  hold(held: boolean): void {
    this.#held = held;
    if (this.#open) this.#pauseOrResume();
  }

  end(reason: string): void {
    if (this.#open) this.#finish(reason);
  }

  tick(now: number): void {
    this.#checkIdle(now);
    this.#checkBegun(now);
    if (!this.#open) return;
    if (this.#inTransport === 0) {
      this.#keepAlive(now);
      return;
    }
    if (now - this.#progressAt < this.#context.limits.writeStallMs) return;
    this.#context.counters.slowPeers.add();
    this.#sayAndClose('slow_peer', errorPayload('slow_peer', 'the connection takes nothing any more'));
    const { clock } = this.#context;
    clock.after(LAST_WORDS_MS, () => this.#transport.reset());
  }

  shutDown(): void {
    if (!this.#open) return;
    this.#sayAndClose(
      'shutting_down',
      errorPayload('shutting_down', 'the server is stopping; connect again'),
    );
  }

  /** Counted as one byte under way, so that a peer that takes no keepalive is a slow one. PROTOCOL.md 2.8. */
  #keepAlive(now: number): void {
    if (now - this.#progressAt < this.#context.limits.keepaliveMs) return;
    this.#progressAt = now;
    if (this.#transport.keepalive(() => this.#taken(1, 0))) this.#inTransport = 1;
  }

  #readRecords(opener: RecordOpener, chunk: Uint8Array): void {
    opener.push(chunk);
    for (;;) {
      const plaintext = opener.next();
      if (plaintext === undefined) return;
      const before = this.#frames;
      this.#readFrames(plaintext);
      if (!this.#open) return;
      // A part of a frame was copied: nobody holds what it came in.
      if (this.#frames === before) this.#context.arena.giveBack(plaintext);
    }
  }

  #readFrames(bytes: Uint8Array): void {
    const { relay } = this.#context;
    const { session } = this.#facts;
    const decoder = this.#decoder;
    decoder.push(bytes);
    for (;;) {
      const frame = decoder.next();
      if (frame === undefined) return;
      this.#frames += 1;
      relay.frame(session, frame);
      // The relay may have ended the session because of this very frame.
      if (!this.#open) return;
    }
  }

  /** One write of everything that waits. Returns its bytes. */
  #write(mark: number): number {
    const chunks = this.#outgoing.take();
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    if (bytes === 0) return 0;
    if (this.#inTransport === 0) this.#progressAt = this.#context.clock.monotonic();
    this.#inTransport += bytes;
    this.#transport.write(chunks, () => this.#taken(bytes, mark), this.#outgoing.takeLabels());
    return bytes;
  }

  #taken(bytes: number, mark: number): void {
    this.#inTransport -= bytes;
    if (!this.#open) return;
    const { clock, limits, relay } = this.#context;
    const { session } = this.#facts;
    if (this.#inTransport > 0) this.#progressAt = clock.monotonic();
    if (mark > 0) this.#reached(mark);
    if (this.#inTransport === 0 && this.#trailingMark > 0) {
      const trailing = this.#trailingMark;
      this.#trailingMark = 0;
      this.#reached(trailing);
    }
    if (this.#backlogged && this.#open && this.backlog() < limits.sessionBacklogBytes / 2) {
      this.#backlogged = false;
      this.#pauseOrResume();
      relay.writable(session);
    }
  }

  #reachWithoutBytes(mark: number): void {
    if (this.#inTransport > 0) {
      this.#trailingMark = mark;
      return;
    }
    this.#context.clock.soon(() => {
      if (this.#open) this.#reached(mark);
    });
  }

  #reached(mark: number): void {
    this.#takenMark = mark;
    this.#context.relay.taken(this.#facts.session, mark);
    if (!this.#asking) this.#askPeer();
  }

  /** Asks the peer's transport what it has: at most one question at a time, and not more often than it is worth. */
  #askPeer(): void {
    this.#asking = true;
    const { clock } = this.#context;
    const wait = this.#askedAt + ASK_INTERVAL_MS - clock.monotonic();
    if (wait > 0) {
      clock.after(wait, () => this.#ask());
    } else {
      this.#ask();
    }
  }

  #ask(): void {
    if (!this.#open) return;
    const mark = this.#takenMark;
    this.#askedAt = this.#context.clock.monotonic();
    this.#transport.confirm((received) => {
      if (!this.#open) return;
      this.#asking = false;
      if (received) this.#context.relay.received(this.#facts.session, mark);
      if (!received || this.#takenMark !== mark) this.#askPeer();
    });
  }

  #pauseOrResume(): void {
    const pause = this.#backlogged || this.#held || this.#meter.exhausted;
    if (pause === this.#paused) return;
    this.#paused = pause;
    if (pause) this.#transport.pause();
    else this.#transport.resume();
  }

  /** The peer has used up what it may send for now, or may go on. */
  #metered(limit: CountedLimit | undefined): void {
    if (limit !== undefined) this.#context.counters.limitReached(limit);
    if (this.#open) this.#pauseOrResume();
  }

  #checkIdle(now: number): void {
    const { bounds, counters } = this.#context;
    if (this.#heard) {
      this.#heard = false;
      this.#heardAt = now;
    } else if (this.#open && bounds.sessionIdleMs > 0 && now - this.#heardAt >= bounds.sessionIdleMs) {
      counters.limitReached('sessionIdleMs');
      this.#sayAndClose('idle_timeout', errorPayload('idle_timeout', 'nothing was received for too long'));
    }
  }

  /** What is kept of unfinished frames is counted for the whole process. */
  #countKept(): void {
    const kept = this.#open ? (this.#opener?.held ?? 0) + this.#decoder.held + this.#keptBelow : 0;
    if (kept === this.#kept) return;
    this.#kept = kept;
    this.#context.partials.keep(this, kept);
  }

  /** A frame that has begun must end; while we do not read, it cannot. */
  #checkBegun(now: number): void {
    if (this.#finished || this.#paused || !this.#begun()) {
      this.#finished = false;
      this.#finishedAt = now;
      return;
    }
    const { bounds, counters } = this.#context;
    if (!this.#open || now - this.#finishedAt < bounds.frameMs) return;
    counters.limitReached('frameMs');
    this.#sayAndClose('frame_timeout', errorPayload('frame_timeout', 'a frame began and did not end'));
  }

  /** Whether the peer has begun anything that it has not finished. */
  #begun(): boolean {
    return this.#decoder.buffered > 0 || this.#opener?.begun === true || this.#keptBelow > 0;
  }

  /** Tells the peer why, then closes. */
  #sayAndClose(reason: string, payload: Uint8Array, detail?: string): void {
    this.send(FRAME.ERROR, 0, this.#controlSequence, payload);
    this.#context.counters.errorSent(reason);
    this.#close(reason, detail);
  }

  /** The end that begins here, not at the relay. Once. */
  #close(reason: string, detail?: string): void {
    if (!this.#open) return;
    this.#finish(reason, detail);
    this.#context.relay.closed(this.#facts.session, reason);
  }

  /** What waits leaves, the stream ends cleanly, the keys are gone. */
  #finish(reason: string, detail?: string): void {
    const { ciphers, session, tag } = this.#facts;
    this.#open = false;
    // The transport may have to wait for its peer, and keeps us meanwhile.
    this.#opener?.discard();
    this.#decoder.discard();
    this.#countKept();
    this.#facts.ended();
    this.#meter.stop();
    this.#write(0);
    this.#transport.end(reason);
    ciphers.send.destroy();
    ciphers.receive.destroy();
    this.#context.links.delete(session);
    this.#context.logger.info({ session: tag, reason, detail }, 'session closed');
  }
}
