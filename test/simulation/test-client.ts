import type { RunningRelay } from '../../src/actors/create-relay.ts';
import { FRAME, frameTypeOf } from '../../src/protocol/frames/frame-types.ts';
import { serialAfter } from '../../src/protocol/serial.ts';
import type { EstablishedFacts, LinkPort, SessionNumber } from '../../src/relay-port/relay-port.ts';
import type { Scheduler } from '../kit/scheduler.ts';
import { turns } from '../kit/waiting.ts';

const text = new TextEncoder();
const decoder = new TextDecoder();

export interface SeenFrame {
  readonly type: number;
  readonly channel: number;
  readonly sequence: number;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into arbitrary JSON
  readonly json: any;
}

/** Bytes that a link holds before durable frames wait in the log. */
export const BACKLOG = 65_536;

export class TestClient {
  readonly number: SessionNumber;
  readonly device: string;
  readonly facts: EstablishedFacts;
  readonly frames: SeenFrame[] = [];
  /** Set when the relay ended the session. */
  endedBecause: string | undefined;
  /** The relay does not read from this client for now. */
  held = false;
  /** While true nothing is taken from the transport. */
  deaf = false;
  untaken = 0;
  sequence = 2;
  readonly #running: RunningRelay;
  readonly #links: TestLinks;

  constructor(
    running: RunningRelay,
    links: TestLinks,
    number: SessionNumber,
    device: string,
    facts: EstablishedFacts,
  ) {
    this.#running = running;
    this.#links = links;
    this.number = number;
    this.device = device;
    this.facts = facts;
    const received = facts.resume?.received ?? 0;
    if (serialAfter(received, this.sequence)) this.sequence = received;
  }

  /** Sends without waiting; returns the sequence. */
  post(type: number, channel: number, body: unknown, sequence?: number): number {
    if (sequence === undefined) this.sequence = (this.sequence + 1) >>> 0;
    const number = sequence ?? this.sequence;
    const payload = text.encode(typeof body === 'string' ? body : JSON.stringify(body));
    this.#running.relay.frame(this.number, { type, channel, sequence: number, payload });
    return number;
  }

  /** Sends and waits for the ACK or ERROR. */
  async ask(type: number, channel: number, body: unknown, sequence?: number): Promise<SeenFrame> {
    const number = this.post(type, channel, body, sequence);
    for (let round = 0; round < 80; round += 1) {
      await turns();
      const at = this.frames.findIndex(
        (frame) => (frame.type === FRAME.ACK || frame.type === FRAME.ERROR) && frame.json?.ack === number,
      );
      if (at >= 0) return this.frames.splice(at, 1)[0] as SeenFrame;
    }
    throw new Error(`${this.device}: no answer to ${frameTypeOf(type)?.name} ${number}`);
  }

  join(channel: number, members: readonly string[]): Promise<SeenFrame> {
    return this.ask(FRAME.JOIN, channel, { members, relay: true });
  }

  say(channel: number, words: string): Promise<SeenFrame> {
    return this.ask(FRAME.MSG, channel, words);
  }

  confirm(number: number): void {
    this.post(FRAME.ACK, 0, { ack: number });
  }

  /** Texts of the messages that arrived, in order. */
  heard(): string[] {
    return this.frames.filter(({ type }) => type === FRAME.MSG).map((frame) => frame.text);
  }

  of(type: number): SeenFrame[] {
    return this.frames.filter((frame) => frame.type === type);
  }

  /** Takes everything that waits in the transport, and from now on everything at once. */
  async listen(): Promise<void> {
    this.deaf = false;
    this.#links.take(this, this.#running);
    await this.#links.clock.settle();
  }

  /** Takes the oldest write that waits in the transport, and no more. */
  takeOne(): void {
    this.#links.take(this, this.#running, 1);
  }

  /** The server's transport takes everything; the client still has nothing of it. */
  carry(): void {
    this.#links.carry(this, this.#running);
  }

  async leave(reason = 'client_closed'): Promise<void> {
    this.#links.clients.delete(this.number);
    this.#running.relay.closed(this.number, reason);
    await this.#links.clock.settle();
  }
}

interface Write {
  readonly frames: readonly SeenFrame[];
  readonly bytes: number;
  readonly mark: number;
  taken: boolean;
}

/** Links that end in arrays. What a client has not taken counts as its backlog. */
export class TestLinks implements LinkPort {
  readonly clients = new Map<SessionNumber, TestClient>();
  running: RunningRelay | undefined;
  readonly clock: Scheduler;
  #number = 0;
  /** Not flushed yet. */
  readonly #queued = new Map<SessionNumber, SeenFrame[]>();
  /** Flushed, not taken yet. */
  readonly #writes = new Map<SessionNumber, Write[]>();
  /** Sessions whose backlog was above the limit. */
  readonly #full = new Set<SessionNumber>();

  constructor(clock: Scheduler) {
    this.clock = clock;
  }

  nextNumber(): SessionNumber {
    this.#number += 1;
    return this.#number;
  }

  send(session: SessionNumber, type: number, channel: number, sequence: number, payload: Uint8Array): void {
    const client = this.clients.get(session);
    if (client === undefined) return;
    const words = decoder.decode(payload);
    const queued = this.#queued.get(session) ?? [];
    queued.push({ type, channel, sequence, text: words, json: json(words) });
    this.#queued.set(session, queued);
    client.untaken += frameBytes(words);
    if (client.untaken >= BACKLOG) this.#full.add(session);
  }

  flush(session: SessionNumber, mark: number): void {
    const client = this.clients.get(session);
    if (client === undefined) return;
    const frames = this.#queued.get(session) ?? [];
    this.#queued.delete(session);
    const bytes = frames.reduce((sum, { text: words }) => sum + frameBytes(words), 0);
    const writes = this.#writes.get(session) ?? [];
    writes.push({ frames, bytes, mark, taken: false });
    this.#writes.set(session, writes);
    const world = this.running;
    if (!client.deaf && world !== undefined) {
      queueMicrotask(() => {
        if (!client.deaf) this.take(client, world);
      });
    }
  }

  /** The server's transport takes all writes; none of them has reached the client. */
  carry(client: TestClient, running: RunningRelay): void {
    for (const write of this.#writes.get(client.number) ?? []) this.#carry(client, running, write);
    this.#tellWritable(client, running);
  }

  /** The client receives the oldest writes. */
  take(client: TestClient, running: RunningRelay, most = Number.POSITIVE_INFINITY): void {
    if (this.clients.get(client.number) !== client) return;
    const writes = this.#writes.get(client.number)?.splice(0, most) ?? [];
    for (const write of writes) {
      this.#carry(client, running, write);
      client.frames.push(...write.frames);
      if (write.mark > 0) running.relay.received(client.number, write.mark);
    }
    this.#tellWritable(client, running);
  }

  #carry(client: TestClient, running: RunningRelay, write: Write): void {
    if (!write.taken) {
      write.taken = true;
      client.untaken -= write.bytes;
      if (write.mark > 0) running.relay.taken(client.number, write.mark);
    }
  }

  #tellWritable(client: TestClient, running: RunningRelay): void {
    if (client.untaken < BACKLOG / 2 && this.#full.delete(client.number)) {
      running.relay.writable(client.number);
    }
  }

  backlog(session: SessionNumber): number {
    return this.clients.get(session)?.untaken ?? 0;
  }

  hold(session: SessionNumber, held: boolean): void {
    const client = this.clients.get(session);
    if (client !== undefined) client.held = held;
  }

  end(session: SessionNumber, reason: string): void {
    const client = this.clients.get(session);
    if (client !== undefined) {
      this.clients.delete(session);
      client.endedBecause = reason;
      // A deaf client never gets what is still on its way.
      if (!client.deaf) {
        client.frames.push(...(this.#writes.get(session) ?? []).flatMap(({ frames }) => frames));
        client.frames.push(...(this.#queued.get(session) ?? []));
      }
    }
  }
}

function frameBytes(words: string): number {
  return words.length + 16;
}

function json(words: string): unknown {
  try {
    return JSON.parse(words);
  } catch {
    return undefined;
  }
}
