import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
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
  #alice: WireClient;
  #bob: WireClient;
  readonly #attackers: WireClient[] = [];
  #messages = 0;
  /** How long each message took from one of the two to the other and back, in milliseconds. */
  readonly #rounds: number[] = [];
  #end = new AbortController();
  #talk: Promise<void> = Promise.resolve();
  #names = 0;
  #lives = 0;

  private constructor(server: ServerProcess, alice: WireClient, bob: WireClient) {
    this.server = server;
    this.ca = server.ca;
    this.#alice = alice;
    this.#bob = bob;
  }

  /** @param flags of Node.js */
  static async start(overrides: readonly string[] = [], flags: readonly string[] = []): Promise<Fortress> {
    const server = await ServerProcess.start([...SHORT, ...overrides], undefined, flags);
    const fortress = new Fortress(server, ...(await friends(server)));
    fortress.#talk = fortress.#keepTalking();
    return fortress;
  }

  /** Messages that the two have exchanged so far, each with the time that it took, in milliseconds. */
  get rounds(): readonly number[] {
    return this.#rounds;
  }

  /** Resident memory of the server, in bytes. */
  get resident(): number {
    return this.#resident();
  }

  /** What the server's log takes on the disk, in bytes. */
  get stored(): number {
    return sizeOf(this.server.logDirectory);
  }

  /** Resolves when the two have exchanged so many more messages. */
  async talk(messages: number): Promise<void> {
    await this.#heard(this.#messages + messages);
  }

  /** The server ends in order and starts with what it has; the two talk on. */
  async restart(): Promise<void> {
    this.#end.abort();
    await this.#talk;
    for (const client of [this.#alice, this.#bob, ...this.#attackers.splice(0)]) client.close();
    assert.equal(await this.server.stop(), 0);
    await this.server.start();
    [this.#alice, this.#bob] = await friends(this.server);
    this.#end = new AbortController();
    this.#talk = this.#keepTalking();
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
    const { signal } = this.#end;
    this.#lives += 1;
    const life = `life ${this.#lives}:`;
    for (let number = 0; !signal.aborted; number += 1) {
      const begun = performance.now();
      const [speaker, listener] = number % 2 === 0 ? [this.#alice, this.#bob] : [this.#bob, this.#alice];
      const words = `${life} message ${number}`;
      const answer = await speaker.say(CHANNEL, words);
      assert.equal(answer.type, FRAME.ACK, answer.text);
      // What was not confirmed before a restart comes again.
      const heard = await listener.until(({ type, text }) => type === FRAME.MSG && text.startsWith(life));
      assert.equal(heard.text, words);
      listener.post(FRAME.ACK, 0, { ack: heard.sequence });
      this.#messages += 1;
      this.#rounds.push(performance.now() - begun);
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

async function friends(server: ServerProcess): Promise<[WireClient, WireClient]> {
  const address = addressOf(server);
  // Without `resume`: after a restart their sequences begin anew.
  const options = { capabilities: ['delivery-ack'] };
  const alice = await WireClient.connect(address, 'alice', options);
  const bob = await WireClient.connect(address, 'bob', options);
  for (const client of [alice, bob]) await client.join(CHANNEL, ['alice', 'bob']);
  return [alice, bob];
}

/** Of all files in a folder: blocks, not lengths, because segments are laid out before they are filled. */
function sizeOf(folder: string): number {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return files.reduce((sum, file) => {
    const { blocks = 0 } = statSync(join(folder, file), { throwIfNoEntry: false }) ?? {};
    return sum + blocks * 512;
  }, 0);
}

function addressOf(server: ServerProcess) {
  const { domain, noise_public: noisePublic } = server.ready;
  return { port: server.port, ca: server.ca, domain, noisePublic };
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

export const limitReached = (limit: string): string => `commucat_limit_reached_total{limit="${limit}"}`;
