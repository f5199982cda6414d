import type {
  FrameLabel,
  Framing,
  Transport,
  TransportHandler,
} from '../../src/gateway/transports/transport.ts';
import type { Clock } from '../../src/ports/ports.ts';

/** Bytes that an operating system would take for a peer that reads nothing. */
const WINDOW = 1_048_576;

interface Piece {
  readonly bytes: Uint8Array;
  readonly taken: () => void;
}

/** One direction: pieces arrive in their order, one a turn, while the other end reads; the end comes behind them. */
class Direction {
  readonly #clock: Clock;
  readonly #arrive: (bytes: Uint8Array) => void;
  readonly #ended: () => void;
  #untaken: Piece[] = [];
  #window: Uint8Array[] = [];
  #held = 0;
  #isOpen = true;
  #isEnding = false;
  #isEnded = false;
  #isMoving = false;
  isPaused = true;

  constructor(clock: Clock, arrive: (bytes: Uint8Array) => void, ended: () => void) {
    this.#clock = clock;
    this.#arrive = arrive;
    this.#ended = ended;
  }

  get isEnding(): boolean {
    return this.#isEnding || !this.#isOpen;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  push(piece: Piece): void {
    if (this.isEnding) return;
    this.#untaken.push(piece);
    this.move();
  }

  end(): void {
    this.#isEnding = true;
    this.move();
  }

  /** What is under way is lost. */
  cut(): void {
    this.#isOpen = false;
    this.#untaken = [];
    this.#window = [];
  }

  move(): void {
    if (this.#isMoving || !this.#isOpen) return;
    this.#isMoving = true;
    this.#clock.soon(() => {
      this.#isMoving = false;
      if (this.#step()) this.move();
    });
  }

  /** True when something has moved. */
  #step(): boolean {
    if (!this.#isOpen || this.#isEnded) return false;
    const next = this.#untaken[0];
    if (next !== undefined && this.#held < WINDOW) {
      this.#untaken.shift();
      this.#window.push(Uint8Array.from(next.bytes));
      this.#held += next.bytes.length;
      next.taken();
      return true;
    }
    if (this.isPaused) return false;
    const bytes = this.#window.shift();
    if (bytes !== undefined) {
      this.#held -= bytes.length;
      this.#arrive(bytes);
      return true;
    }
    if (!this.#isEnding) return false;
    this.#isEnded = true;
    this.#ended();
    return false;
  }
}

/** What the peer of a `MemoryTransport` is told. */
export interface MemoryPeerHandler {
  onChunk(bytes: Uint8Array): void;
  /** The transport's direction has ended cleanly. */
  onEnd(): void;
  /** Both directions are gone. */
  onClosed(): void;
}

/** A transport without a network: its other end is the test, and time is the scheduler's. */
export class MemoryTransport implements Transport {
  readonly framing: Framing;
  readonly #clock: Clock;
  readonly #down: Direction;
  readonly #up: Direction;
  readonly #peer: MemoryPeerHandler;
  #handler: TransportHandler | undefined;
  #isOver = false;
  #isClosed = false;

  constructor(clock: Clock, peer: MemoryPeerHandler, framing: Framing = 'stream') {
    this.framing = framing;
    this.#clock = clock;
    this.#peer = peer;
    this.#down = new Direction(
      clock,
      (bytes) => peer.onChunk(bytes),
      () => {
        peer.onEnd();
        this.#closeWhenBothEnded();
      },
    );
    this.#up = new Direction(
      clock,
      (bytes) => {
        if (!this.#isOver) this.#handler?.onData(bytes);
      },
      () => {
        if (!this.#isOver) this.#handler?.onEnd();
        this.#closeWhenBothEnded();
      },
    );
    this.peer.resume();
  }

  attach(handler: TransportHandler): void {
    const isFirst = this.#handler === undefined;
    this.#handler = handler;
    if (isFirst) this.resume();
  }

  write(chunks: readonly Uint8Array[], taken: () => void, _labels: readonly FrameLabel[]): void {
    const last = chunks.length - 1;
    for (const [index, bytes] of chunks.entries()) {
      this.#down.push({ bytes, taken: index === last ? taken : () => undefined });
    }
  }

  keepalive(): boolean {
    return false;
  }

  confirm(done: (received: boolean) => void): void {
    const isGone = this.#isClosed;
    this.#clock.soon(() => done(!isGone));
  }

  end(): void {
    this.#isOver = true;
    this.#down.end();
    this.resume();
  }

  reset(): void {
    this.#isOver = true;
    this.#cut();
  }

  pause(): void {
    if (!this.#isOver) this.#up.isPaused = true;
  }

  resume(): void {
    this.#up.isPaused = false;
    this.#up.move();
  }

  /** The other end. */
  readonly peer = {
    send: (bytes: Uint8Array): void => this.#up.push({ bytes, taken: () => undefined }),
    pause: (): void => {
      this.#down.isPaused = true;
    },
    resume: (): void => {
      this.#down.isPaused = false;
      this.#down.move();
    },
    end: (): void => this.#up.end(),
    /** The connection breaks. */
    cut: (): void => this.#cut(),
  };

  #closeWhenBothEnded(): void {
    if (this.#down.isEnded && this.#up.isEnded) this.#close();
  }

  #cut(): void {
    this.#down.cut();
    this.#up.cut();
    this.#clock.soon(() => this.#close());
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#handler?.onClosed();
    this.#peer.onClosed();
  }
}
