import type { CancelTimer, Clock } from '../../ports/ports.ts';
import { FRAME } from '../../protocol/frames/frame-types.ts';
import { serialAfter } from '../../protocol/serial.ts';
import { ClientError } from '../values/client-error.ts';
import type { Outcome } from '../values/emitter.ts';
import { Queue } from '../values/queue.ts';

const decoder = new TextDecoder();

/** A durable frame from another device. */
export class Message {
  readonly type: number;
  readonly channel: number;
  /** The sender's bytes. They never change; holding them keeps a block of up to 128 KiB in memory. */
  readonly payload: Uint8Array;
  /**
   * The inbox number: no other frame of the device has it, which lets an application recognise a message it has seen; the
   * event `history` tells which numbers start anew after the server's data was lost. Undefined where the server did not grant `delivery-ack`.
   */
  readonly number: number | undefined;
  readonly #inbox: Inbox;
  #processed = false;

  constructor(inbox: Inbox, type: number, channel: number, number: number | undefined, payload: Uint8Array) {
    this.#inbox = inbox;
    this.type = type;
    this.channel = channel;
    this.number = number;
    this.payload = payload;
  }

  /** The payload as UTF-8. */
  get text(): string {
    return decoder.decode(this.payload);
  }

  get processed(): boolean {
    return this.#processed;
  }

  /** The message is processed: it is confirmed to the server together with all before it, once they are processed too. */
  ack(): void {
    if (this.#processed) return;
    this.#processed = true;
    this.#inbox.advance();
  }
}

export interface InboxEvents {
  /** Whether somebody listens to messages as events. */
  listens(): boolean;
  /** Hands a frame to listeners: any durable frame but MSG, and MSG while `listens`. False when one of them failed. */
  emit(message: Message): Outcome;
  /** Every frame up to this inbox number is processed. */
  progress(number: number): void;
  /** The queue is longer than it should be (true), or short again. */
  crowded(crowded: boolean): void;
}

/** Options of `client.messages`. */
export interface MessagesOptions {
  /**
   * `auto`: a message is processed when the next one is asked for. `manual`: when `ack()` is called, in any order.
   * @default auto
   */
  readonly acknowledge?: 'auto' | 'manual';
}

interface Reader {
  readonly manual: boolean;
  current: Message | undefined;
  waiting:
    | { resolve(result: IteratorResult<Message, undefined>): void; reject(error: unknown): void }
    | undefined;
}

/** A frame whose listener failed comes to it again after 1 s, then 2 s, and so on. */
const FIRST_REPETITION_MS = 1000;
const LAST_REPETITION_MS = 30_000;
const CROWDED = 1024;
const UNCROWDED = 256;
const DONE: IteratorResult<Message, undefined> = { done: true, value: undefined };

/**
 * Durable frames on their way to the application: in inbox order, each once (PROTOCOL.md 11.2). They wait here until
 * somebody takes them; the server's window of unconfirmed frames bounds how many.
 *
 * Listeners get one frame at a time: the next one when their promises are fulfilled. A frame whose listener failed is
 * not processed: it stays the next one, and those behind it wait, because to confirm one is to confirm all before it.
 */
export class Inbox {
  readonly #clock: Clock;
  readonly #events: InboxEvents;
  /** Not handed out yet. */
  readonly #queue = new Queue<Message>();
  /** Handed out or not: waits to be processed; its head is the first one that is not. */
  readonly #order = new Queue<Message>();
  #reader: Reader | undefined;
  /** Highest inbox number that was taken in. */
  #taken: number | undefined;
  #crowded = false;
  #pumping = false;
  /** Listeners are at work on a frame. */
  #handling = false;
  #failures = 0;
  #cancelRepetition: CancelTimer | undefined;
  /** Listeners get nothing more. */
  #sealed = false;
  #onIdle: (() => void)[] = [];
  #end: { readonly error: ClientError | undefined } | undefined;

  constructor(clock: Clock, events: InboxEvents) {
    this.#clock = clock;
    this.#events = events;
  }

  /** Numbers up to this one, and no other, count as processed. */
  start(processed: number): void {
    this.#taken = processed;
  }

  /**
   * The numbers behind `last` start anew. Frames that had such a number and were not processed are handed out all the same,
   * but to process them tells nothing about those that get the number now.
   */
  startOver(last: number): void {
    if (this.#taken === undefined || serialAfter(this.#taken, last)) this.#taken = last;
    const known = [...this.#order.drain()];
    for (const message of known) {
      if (message.number !== undefined && !serialAfter(message.number, last)) this.#order.push(message);
    }
  }

  /** The highest number that was taken in, or `start`'s. */
  get taken(): number | undefined {
    return this.#taken;
  }

  /** A frame has arrived; repetitions are dropped. */
  offer(type: number, channel: number, number: number | undefined, payload: Uint8Array): void {
    if (number !== undefined) {
      if (this.#taken !== undefined && !serialAfter(number, this.#taken)) return;
      this.#taken = number;
    }
    const message = new Message(this, type, channel, number, payload);
    if (number !== undefined) this.#order.push(message);
    this.#queue.push(message);
    this.pump();
    if (!this.#crowded && this.#queue.length >= CROWDED) {
      this.#crowded = true;
      this.#events.crowded(true);
    }
  }

  /** Hands out what can be handed out: called when something arrived, or somebody began to listen. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#handOut());
    this.#pumping = false;
  }

  /** A session or a reader begins: a frame whose listener failed does not wait any longer. */
  hurry(): void {
    if (this.#cancelRepetition === undefined) return;
    this.#cancelRepetition();
    this.#cancelRepetition = undefined;
    this.pump();
  }

  /** Gives listeners no further frame. Resolves when they have done with the one they have. */
  seal(): Promise<void> {
    this.#sealed = true;
    this.#cancelRepetition?.();
    if (!this.#handling) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** Reports how far the processed frames reach without a gap. */
  advance(): void {
    let through: number | undefined;
    for (let head = this.#order.peek(); head?.processed === true; head = this.#order.peek()) {
      through = head.number;
      this.#order.shift();
    }
    if (through !== undefined) this.#events.progress(through);
  }

  /** Nothing follows any more. With an error the reader gets it, else its loop ends. */
  end(error: ClientError | undefined): void {
    this.#end ??= { error };
    this.#sealed = true;
    this.#cancelRepetition?.();
    const waiting = this.#reader?.waiting;
    if (this.#reader !== undefined) this.#reader.waiting = undefined;
    if (error === undefined) waiting?.resolve(DONE);
    else waiting?.reject(error);
  }

  /** @throws ClientError code `CLIENT_BUSY` while another reader is open */
  read(options: MessagesOptions): AsyncIterableIterator<Message> {
    if (this.#reader !== undefined) throw new ClientError('CLIENT_BUSY', 'messages() has a reader already');
    const reader: Reader = {
      manual: options.acknowledge === 'manual',
      current: undefined,
      waiting: undefined,
    };
    this.#reader = reader;
    this.hurry();
    const iterator: AsyncIterableIterator<Message> = {
      next: () => this.#next(reader),
      return: async () => {
        this.#leave(reader);
        return DONE;
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  #next(reader: Reader): Promise<IteratorResult<Message, undefined>> {
    if (this.#reader !== reader) return Promise.resolve(DONE);
    if (reader.waiting !== undefined) {
      return Promise.reject(
        new ClientError('CLIENT_BUSY', 'next() was called before the former call was answered'),
      );
    }
    const former = reader.current;
    reader.current = undefined;
    if (!reader.manual) former?.ack();
    if (this.#end !== undefined) {
      return this.#end.error === undefined ? Promise.resolve(DONE) : Promise.reject(this.#end.error);
    }
    return new Promise((resolve, reject) => {
      reader.waiting = { resolve, reject };
      this.pump();
    });
  }

  /** The reader broke off: a message that it did not finish goes to the next reader. */
  #leave(reader: Reader): void {
    if (this.#reader !== reader) return;
    this.#reader = undefined;
    reader.waiting?.resolve(DONE);
    reader.waiting = undefined;
    if (!reader.manual && reader.current !== undefined && !reader.current.processed) {
      this.#queue.unshift(reader.current);
    }
    this.pump();
  }

  /** Hands out the next frame; false when it has to wait. */
  #handOut(): boolean {
    const head = this.#queue.peek();
    if (head === undefined || this.#handling || this.#cancelRepetition !== undefined) return false;
    const reader = this.#reader;
    if (head.type !== FRAME.MSG || (reader === undefined && this.#events.listens())) return this.#tell(head);
    if (reader?.waiting === undefined) return false;
    const { waiting } = reader;
    this.#take();
    reader.waiting = undefined;
    reader.current = head;
    waiting.resolve({ done: false, value: head });
    return true;
  }

  /** Gives a frame to listeners; false while they are at work, or when it has to come again. */
  #tell(message: Message): boolean {
    if (this.#sealed) return false;
    this.#take();
    const outcome = this.#events.emit(message);
    if (typeof outcome === 'boolean') return this.#told(message, outcome);
    this.#handling = true;
    void outcome.then((done) => {
      this.#handling = false;
      this.#told(message, done);
      for (const resolve of this.#onIdle.splice(0)) resolve();
      this.pump();
    });
    return false;
  }

  #told(message: Message, done: boolean): boolean {
    // A listener may have confirmed it by itself before it failed.
    if (done || message.processed) {
      this.#failures = 0;
      message.ack();
      return true;
    }
    this.#queue.unshift(message);
    if (this.#sealed) return false;
    const delay = Math.min(FIRST_REPETITION_MS * 2 ** this.#failures, LAST_REPETITION_MS);
    this.#failures += 1;
    this.#cancelRepetition = this.#clock.after(delay, () => {
      this.#cancelRepetition = undefined;
      this.pump();
    });
    return false;
  }

  #take(): void {
    this.#queue.shift();
    if (this.#crowded && this.#queue.length <= UNCROWDED) {
      this.#crowded = false;
      this.#events.crowded(false);
    }
  }
}
