import { type ByteStream, DoorClosedError } from './byte-stream.ts';

/** What a stream asks of its connection. */
export interface H2StreamOwner {
  sendData(stream: H2Stream, unit: Uint8Array): void;
  endStream(stream: H2Stream): void;
  destroy(): void;
  /** The server has been told to stop. */
  readonly stopping: boolean;
}

/** A request whose body goes on while its response comes. */
export class H2Stream implements ByteStream {
  readonly id: number;
  /** Bytes that the other side still takes. */
  sendWindow: number;
  /** Bytes that arrived since the last WINDOW_UPDATE. */
  unreported = 0;
  /** Units that wait for a window. */
  readonly waiting: Uint8Array[] = [];
  onLost: (error: Error) => void = (error) => {
    throw error;
  };
  /** Resolves with the response head; rejects with DoorClosedError when its status is not 200. */
  readonly opened: Promise<void>;
  readonly #owner: H2StreamOwner;
  readonly #closed: Promise<void>;
  #accept: () => void = () => undefined;
  #refuse: (error: Error) => void = () => undefined;
  #finish: () => void = () => undefined;
  #state: 'opening' | 'refused' | 'open' | 'closing' | 'closed' = 'opening';
  #onData: ((chunk: Uint8Array) => void) | undefined;
  /** What arrived before anybody listened, or the text of a refusal. */
  #kept: Uint8Array[] = [];

  constructor(id: number, sendWindow: number, owner: H2StreamOwner) {
    this.id = id;
    this.sendWindow = sendWindow;
    this.#owner = owner;
    this.opened = new Promise((resolve, reject) => {
      this.#accept = resolve;
      this.#refuse = reject;
    });
    // Nobody may be waiting for it any more when the connection breaks.
    this.opened.catch(() => undefined);
    this.#closed = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  get onData(): (chunk: Uint8Array) => void {
    return this.#onData ?? ((chunk) => this.#kept.push(chunk));
  }

  set onData(listener: (chunk: Uint8Array) => void) {
    this.#onData = listener;
    for (const chunk of this.#kept.splice(0)) listener(chunk);
  }

  write(unit: Uint8Array): void {
    if (this.#state === 'open') this.#owner.sendData(this, unit);
  }

  async close(): Promise<void> {
    if (this.#state === 'open') {
      this.#state = 'closing';
      this.#owner.endStream(this);
    }
    await this.#closed;
  }

  destroy(): void {
    if (this.#state === 'open') this.#state = 'closing';
    this.#owner.destroy();
  }

  responded(ok: boolean): void {
    if (this.#state !== 'opening') return;
    this.#state = ok ? 'open' : 'refused';
    if (ok) this.#accept();
  }

  received(chunk: Uint8Array): void {
    if (this.#onData === undefined) this.#kept.push(chunk);
    else this.#onData(chunk);
  }

  /** The other side has ended its direction, or the stream is gone with an error. */
  ended(error: Error | undefined): void {
    const state = this.#state;
    if (state === 'closed') return;
    this.#state = 'closed';
    const gone = error ?? new Error('the server has ended the stream');
    if (state === 'opening') this.#refuse(gone);
    if (state === 'refused') this.#refuse(new DoorClosedError(Buffer.concat(this.#kept).toString()));
    if (state === 'open' && !this.#owner.stopping) this.onLost(gone);
    this.#finish();
  }
}
