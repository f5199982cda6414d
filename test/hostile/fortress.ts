import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { get } from 'node:https';
import { FRAME } from '../../src/protocol/frame-types.ts';
import { ServerProcess } from '../support/server-process.ts';
import { WireClient, type WireOptions } from '../support/wire-client.ts';
import { HOSTILE_ADDRESS } from './attacker.ts';

/** Deadlines short enough for tests; the other limits as they are. */
const SHORT = [
  'security.rate_limit.http_burst=100000',
  'limits.tls_handshake_ms=800',
  'limits.first_request_ms=800',
  'limits.hello_timeout_ms=2000',
  'limits.auth_timeout_ms=2000',
  'limits.response_ms=800',
  'limits.write_stall_ms=800',
  'limits.connection_idle_ms=800',
  'limits.half_open_per_address=20',
  'limits.connections_per_address=50',
  'limits.handshakes_per_address=20',
];

const CHANNEL = 1;
const MIB = 1_048_576;

export interface Expectation {
  /**
   * Metrics that the attack must move: names with labels as they are exposed, or without for the sum of all. A list: one of
   * them.
   */
  readonly counted: readonly (string | readonly string[])[];
  /** By how much the server's resident memory may exceed what it was before, in MiB. @default 64 */
  readonly growth?: number;
}

/**
 * A server process with two well-behaved devices that never stop talking, while a test attacks it. What must hold during
 * every attack is checked here: the server lives, its memory is bounded, the two hear each other, the event is counted.
 */
export class Fortress implements AsyncDisposable {
  readonly server: ServerProcess;
  readonly ca: Buffer;
  readonly #alice: WireClient;
  readonly #bob: WireClient;
  readonly #attackers: WireClient[] = [];
  #messages = 0;
  readonly #end = new AbortController();
  #talk: Promise<void> = Promise.resolve();
  #names = 0;

  private constructor(server: ServerProcess, alice: WireClient, bob: WireClient) {
    this.server = server;
    this.ca = server.ca;
    this.#alice = alice;
    this.#bob = bob;
  }

  /** @param flags of Node.js */
  static async start(overrides: readonly string[] = [], flags: readonly string[] = []): Promise<Fortress> {
    const server = await ServerProcess.start([...SHORT, ...overrides], undefined, flags);
    const address = addressOf(server);
    const alice = await WireClient.connect(address, 'alice');
    const bob = await WireClient.connect(address, 'bob');
    for (const client of [alice, bob]) await client.join(CHANNEL, ['alice', 'bob']);
    const fortress = new Fortress(server, alice, bob);
    fortress.#talk = fortress.#keepTalking();
    return fortress;
  }

  get port(): number {
    return this.server.port;
  }

  /** A name of its own for each device. */
  name(stem: string): string {
    this.#names += 1;
    return `${stem}-${this.#names}`;
  }

  /** A session of an attacker, established. */
  async intruder(device = this.name('mallory'), options: WireOptions = {}): Promise<WireClient> {
    const client = await WireClient.connect(addressOf(this.server), device, {
      from: HOSTILE_ADDRESS,
      ...options,
    });
    this.#attackers.push(client);
    return client;
  }

  /** A connection of an attacker that has not said HELLO. */
  stranger(device = this.name('mallory'), options: WireOptions = {}): WireClient {
    const client = new WireClient(addressOf(this.server), device, { from: HOSTILE_ADDRESS, ...options });
    this.#attackers.push(client);
    return client;
  }

  async withstand(attack: () => Promise<void>, { counted, growth = 64 }: Expectation): Promise<void> {
    const before = await this.metrics();
    const resident = this.#resident();
    const messages = this.#messages;
    let peak = 0;
    const sampling = setInterval(() => {
      peak = Math.max(peak, this.#resident());
    }, 20);
    try {
      await attack();
      await this.#heard(messages + 2);
    } finally {
      clearInterval(sampling);
    }
    peak = Math.max(peak, this.#resident());
    const grown = Math.round((peak - resident) / MIB);
    assert.ok(grown <= growth, `the server grew by ${grown} MiB; ${growth} are allowed`);
    await this.#count(before, counted);
  }

  /** What `/metrics` says, by name and labels. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    const text = await this.#fetch('/metrics');
    const rows = text.split('\n').filter((line) => line.startsWith('commucat_'));
    return new Map(
      rows.map((row) => {
        const space = row.lastIndexOf(' ');
        return [row.slice(0, space), Number(row.slice(space + 1))];
      }),
    );
  }

  /** Waits until a metric is above what it was. */
  async until(name: string, above: number): Promise<void> {
    while (((await this.metrics()).get(name) ?? 0) <= above) await pause(50);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#talk.catch(() => undefined);
    for (const client of [this.#alice, this.#bob, ...this.#attackers]) client.close();
    await this.server[Symbol.asyncDispose]();
  }

  async #keepTalking(): Promise<void> {
    for (let number = 0; !this.#end.signal.aborted; number += 1) {
      const [speaker, listener] = number % 2 === 0 ? [this.#alice, this.#bob] : [this.#bob, this.#alice];
      const words = `message ${number}`;
      await speaker.say(CHANNEL, words);
      const heard = await listener.until(({ type }) => type === FRAME.MSG);
      assert.equal(heard.text, words);
      listener.post(FRAME.ACK, 0, { ack: heard.sequence });
      this.#messages += 1;
      await pause(10);
    }
  }

  /** Rejects when the two cannot talk any more. */
  async #heard(messages: number): Promise<void> {
    while (this.#messages < messages) {
      await Promise.race([pause(10), this.#talk.then(() => Promise.reject(new Error('the chat ended')))]);
    }
  }

  /** What happened may be counted a moment later. */
  async #count(before: ReadonlyMap<string, number>, names: Expectation['counted']): Promise<void> {
    for (const alternatives of names) {
      const either = typeof alternatives === 'string' ? [alternatives] : alternatives;
      const hasMoved = (now: ReadonlyMap<string, number>): boolean =>
        either.some((name) => totalOf(now, name) > totalOf(before, name));
      let now = await this.metrics();
      for (let tries = 0; tries < 100 && !hasMoved(now); tries += 1) {
        await pause(100);
        now = await this.metrics();
      }
      assert.ok(hasMoved(now), `${either.join(' or ')} did not move\n${moved(before, now)}`);
    }
  }

  #resident(): number {
    const status = readFileSync(`/proc/${this.server.pid}/status`, 'utf8');
    return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
  }

  #fetch(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        port: this.port,
        path,
        ca: this.ca,
        agent: false,
        servername: 'localhost',
      };
      get(options, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => {
          body += text;
        });
        response.on('end', () => resolve(body));
        response.on('error', reject);
      }).on('error', reject);
    });
  }
}

/** Of one metric, or without labels of all metrics of that name. */
function totalOf(metrics: ReadonlyMap<string, number>, name: string): number {
  const rows = [...metrics].filter(([row]) => row === name || row.startsWith(`${name}{`));
  return rows.reduce((sum, [, value]) => sum + value, 0);
}

function moved(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): string {
  const rows = [...after].filter(
    ([name, value]) => value !== (before.get(name) ?? 0) && !name.includes('_bucket'),
  );
  return rows.map(([name, value]) => `${name} ${before.get(name) ?? 0} -> ${value}`).join('\n');
}

function addressOf(server: ServerProcess) {
  const { domain, noise_public: noisePublic } = server.ready;
  return { port: server.port, ca: server.ca, domain, noisePublic };
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

export const limitReached = (limit: string): string => `commucat_limit_reached_total{limit="${limit}"}`;
