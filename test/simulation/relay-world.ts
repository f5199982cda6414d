import { createHash, randomBytes } from 'node:crypto';
import type { CallLimits } from '../../src/actors/calls/running-calls.ts';
import type { OpenRooms, Reach } from '../../src/actors/channels/channels.ts';
import { createRelay, type RunningRelay } from '../../src/actors/create-relay.ts';
import type { BudgetRate } from '../../src/actors/runtime/budget.ts';
import type { RelayEvents } from '../../src/actors/runtime/relay-events.ts';
import { sodiumBackend } from '../../src/crypto/sodium-backend.ts';
import type { PostOfficeLimits } from '../../src/delivery/post-office.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import type { Random } from '../../src/ports/ports.ts';
import { MemoryPresence } from '../../src/presence/memory-presence.ts';
import { FRAME, frameTypeOf } from '../../src/protocol/frames/frame-types.ts';
import { serialAfter } from '../../src/protocol/serial.ts';
import type {
  EstablishedFacts,
  Generation,
  LinkPort,
  SessionNumber,
} from '../../src/relay-port/relay-port.ts';
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

export interface WorldOptions {
  readonly log: EventLog;
  readonly clock: Scheduler;
  readonly reach?: Reach;
  readonly openRooms?: OpenRooms;
  readonly autoApprove?: boolean;
  readonly window?: number;
  /** Letters that an outbox reads at a time. */
  readonly page?: number;
  /** Default: never the same twice, not even after a restart. */
  readonly random?: Random;
  readonly membersPerChannel?: number;
  readonly listingsPerDevice?: number;
  readonly listingBytes?: number;
  readonly changes?: BudgetRate;
  readonly calls?: CallLimits;
  /** Largest channel whose members are told of presence, and largest open room that tells who comes. */
  readonly presenceMembers?: number;
  readonly mailbox?: { readonly frames: number; readonly bytes: number };
  readonly office?: PostOfficeLimits;
}

/** The real relay over a log and a clock of the test's choice; its links end in `TestClient`s instead of sockets. */
export class RelayWorld implements AsyncDisposable {
  readonly running: RunningRelay;
  readonly clock: Scheduler;
  readonly #links: TestLinks;
  readonly failures: unknown[];

  private constructor(running: RunningRelay, links: TestLinks, clock: Scheduler, failures: unknown[]) {
    this.running = running;
    this.#links = links;
    this.clock = clock;
    this.failures = failures;
  }

  static async start(options: WorldOptions): Promise<RelayWorld> {
    const links = new TestLinks(options.clock);
    const failures: unknown[] = [];
    const running = await createRelay({
      log: options.log,
      clock: options.clock,
      random: options.random ?? unique(),
      backend: sodiumBackend,
      authoritySeed: new Uint8Array(32).fill(7),
      links,
      presence: new MemoryPresence(options.clock, 30),
      events: silentEvents(failures),
      accounts: {
        autoApprove: options.autoApprove ?? true,
        maxAutoDevices: 5,
        domain: 'example.org',
        profileChangesPerHour: 3,
      },
      channels: {
        reach: options.reach ?? 'joined',
        openRooms: options.openRooms ?? 'compat',
        channelsPerDevice: 16,
        membersPerChannel: options.membersPerChannel ?? 64,
        listingsPerDevice: options.listingsPerDevice ?? 256,
        listingBytes: options.listingBytes ?? 67_108_864,
        idleAfter: 60_000,
      },
      limits: {
        outbox: { window: options.window ?? 256, page: options.page ?? 64, backlogBytes: BACKLOG },
        mailbox: options.mailbox ?? { frames: 10_000, bytes: 67_108_864 },
        relayTtl: 3600,
        presenceTtl: 30,
        presenceFanout: { members: options.presenceMembers ?? 256, interval: 500 },
        cursorInterval: 500,
        expiryInterval: 60_000,
        waitingBytes: 1_048_576,
        calls: options.calls ?? { perDevice: 32, perChannel: 64, participants: 10_000 },
        changes: options.changes ?? { burst: 1_000_000_000, perSecond: 1 },
        office: options.office ?? { collected: 1_048_576, collectedPerDevice: 1_048_576 },
      },
    });
    links.running = running;
    return new RelayWorld(running, links, options.clock, failures);
  }

  /** Connects a device; throws with the refusal when the relay does not want it. */
  async connect(device: string, options: ConnectOptions = {}): Promise<TestClient> {
    const number = this.#links.nextNumber();
    const { relay } = this.running;
    const resolution = await relay.resolve({
      session: number,
      deviceId: device,
      devicePublic: keyOf(options.key ?? device),
      clientStatic: keyOf(`static ${device}`),
      pattern: 'XK',
      capabilities: options.capabilities ?? ['delivery-ack', 'resume'],
      userId: options.userId,
      handle: options.handle ?? (options.userId === undefined ? `user-of-${device}` : undefined),
      displayName: options.displayName,
      avatarUrl: undefined,
      certificate: undefined,
      generation: options.generation ?? 'records',
      noiseKeyVersion: 1,
    });
    if (!resolution.ok) throw new Error(`${resolution.refusal}: ${resolution.reason}`);
    const established = await relay.establish(number);
    if (!established.ok) throw new Error(`${established.refusal}: ${established.reason}`);
    const client = new TestClient(this.running, this.#links, number, device, established.facts);
    this.#links.clients.set(number, client);
    relay.begin(number);
    options.begun?.(client);
    await this.clock.settle();
    return client;
  }

  /** What a crash does to the connections: nobody hears anything any more, and the relay is not told. */
  cut(): void {
    this.#links.clients.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.running[Symbol.asyncDispose]();
  }
}

export interface ConnectOptions {
  readonly capabilities?: readonly string[];
  readonly generation?: Generation;
  /** Names the Ed25519 key; default: the device's own. */
  readonly key?: string;
  readonly handle?: string;
  readonly userId?: string;
  readonly displayName?: string;
  /** Called in the turn in which the session begins, before any answer can come. */
  readonly begun?: (client: TestClient) => void;
}

/** Bytes that a link holds before durable frames wait in the log. */
const BACKLOG = 65_536;

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
class TestLinks implements LinkPort {
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

function unique(): Random {
  return { bytes: (length) => randomBytes(length) };
}

function keyOf(name: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(name).digest());
}

function silentEvents(failures: unknown[]): RelayEvents {
  const nothing = (): void => undefined;
  return {
    sessionOpened: nothing,
    sessionClosed: nothing,
    frameReceived: nothing,
    callOffered: nothing,
    frameRefused: nothing,
    limitReached: nothing,
    posted: nothing,
    storedForNobody: nothing,
    sent: nothing,
    delivered: nothing,
    expired: nothing,
    withheld: nothing,
    dropped: nothing,
    failed: (_what, error) => failures.push(error),
  };
}
