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
import type { Generation } from '../../src/relay-port/relay-port.ts';
import type { Scheduler } from '../kit/scheduler.ts';
import { BACKLOG, TestClient, TestLinks } from './test-client.ts';

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
