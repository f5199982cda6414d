import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { dirname, join } from 'node:path';
import { startHaproxy } from '../haproxy/haproxy-process.ts';
import { freePort, type ProxyProcess } from '../kit/proxy-process.ts';
import { ServerProcess } from '../kit/server-process.ts';
import { asking, untilUp } from '../kit/through-proxy.ts';
import { comesAbout, until, within } from '../kit/waiting.ts';
import { type ServerAddress, WireClient, type WireOptions } from '../kit/wire-client.ts';
import { HOSTILE_ADDRESS } from './attacker.ts';
import { Chat, type Round } from './chat.ts';

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

const MIB = 1_048_576;

/** How everybody comes to the server: to its own port, or through HAProxy, over connections that are shared. */
export type Way = 'direct' | 'HAProxy';

export interface FortressOptions {
  /** Flags of Node.js. */
  readonly flags?: readonly string[];
  /** @default 'direct' */
  readonly way?: Way;
}

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
  readonly #chat: Chat;
  readonly #proxy: ProxyProcess | undefined;
  /** Of the listener that HAProxy comes to. */
  readonly plainPort: number;
  readonly #attackers: WireClient[] = [];
  #names = 0;

  private constructor(server: ServerProcess, chat: Chat, plainPort = 0, proxy?: ProxyProcess) {
    this.server = server;
    this.ca = server.ca;
    this.#chat = chat;
    this.plainPort = plainPort;
    this.#proxy = proxy;
  }

  static async start(
    overrides: readonly string[] = [],
    { flags = [], way = 'direct' }: FortressOptions = {},
  ): Promise<Fortress> {
    const chat = new Chat();
    let fortress: Fortress | undefined;
    try {
      if (way === 'direct') {
        const server = await ServerProcess.start([...SHORT, ...overrides], undefined, flags);
        fortress = new Fortress(server, chat);
      } else fortress = await Fortress.#behindProxy(chat, overrides, flags);
      await chat.talk(fortress.address);
      return fortress;
    } catch (error) {
      await (fortress ?? chat)[Symbol.asyncDispose]();
      throw error;
    }
  }

  static async #behindProxy(
    chat: Chat,
    overrides: readonly string[],
    flags: readonly string[],
  ): Promise<Fortress> {
    const plain = await freePort();
    const way = [`server.plain_bind=127.0.0.1:${plain}`, 'server.forwarded_from=127.0.0.1'];
    const server = await ServerProcess.start([...SHORT, ...way, ...overrides], undefined, flags);
    try {
      const identity = dirname(server.ready.ca_file);
      const certificate = ['key.pem', 'cert.pem'].map((name) => readFileSync(join(identity, name), 'utf8'));
      const proxy = await startHaproxy('tls-termination.cfg', certificate.join(''), {
        '127.0.0.1:8080': `127.0.0.1:${plain}`,
        // Threads do not share with each other.
        'maxconn 100': 'maxconn 400\n    nbthread 1',
      });
      await untilUp(proxy, asking(proxy.port, server.ca).http2);
      return new Fortress(server, chat, plain, proxy);
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Messages that the two have exchanged so far. */
  get rounds(): readonly Round[] {
    return this.#chat.rounds;
  }

  /** Resident memory of the server, in bytes. */
  get resident(): number {
    return this.#memory('VmRSS');
  }

  /** What the server's log takes on the disk, in bytes. */
  get stored(): number {
    return sizeOf(this.server.logDirectory);
  }

  /** Resolves when the two have exchanged so many more messages; rejects when they cannot talk any more. */
  talk(messages: number): Promise<void> {
    return this.#chat.heard(messages);
  }

  /** The server ends in order and starts with what it has; the two talk on. */
  async restart(): Promise<void> {
    await this.#chat.hush();
    for (const client of this.#attackers.splice(0)) client.close();
    assert.equal(await this.server.stop(), 0);
    await this.server.start();
    await this.#chat.talk(this.address);
  }

  /** Where everybody connects. */
  get port(): number {
    return this.#proxy?.port ?? this.server.port;
  }

  get address(): ServerAddress {
    const { domain, noise_public: noisePublic } = this.server.ready;
    return { port: this.port, ca: this.ca, domain, noisePublic };
  }

  /** A name of its own for each device. */
  name(stem: string): string {
    this.#names += 1;
    return `${stem}-${this.#names}`;
  }

  /** A session of an attacker, established. */
  async intruder(device = this.name('mallory'), options: WireOptions = {}): Promise<WireClient> {
    const client = await WireClient.connect(this.address, device, {
      from: HOSTILE_ADDRESS,
      ...options,
    });
    this.#attackers.push(client);
    return client;
  }

  /** A connection of an attacker that has not said HELLO. */
  stranger(device = this.name('mallory'), options: WireOptions = {}): WireClient {
    const client = new WireClient(this.address, device, { from: HOSTILE_ADDRESS, ...options });
    this.#attackers.push(client);
    return client;
  }

  async withstand(attack: () => Promise<void>, { counted, growth = 64 }: Expectation): Promise<void> {
    const before = await this.metrics();
    const { resident } = this;
    const peak = await this.peakDuring(attack);
    const grown = Math.round((peak - resident) / MIB);
    assert.ok(grown <= growth, `the server grew by ${grown} MiB; ${growth} are allowed`);
    await this.count(before, counted);
  }

  /** Runs an attack until the two have heard each other once more; returns the server's greatest resident memory, in bytes. */
  async peakDuring(attack: () => Promise<void>): Promise<number> {
    // From now on the kernel measures the peak anew.
    writeFileSync(`/proc/${this.server.pid}/clear_refs`, '5');
    await attack();
    await this.talk(2);
    return this.#memory('VmHWM');
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
    await until(async () => ((await this.metrics()).get(name) ?? 0) > above, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#chat[Symbol.asyncDispose]();
    for (const client of this.#attackers) client.close();
    await this.#proxy?.[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }

  /** Holds that the attack has moved metrics. What happened may be counted a moment later. */
  async count(before: ReadonlyMap<string, number>, names: Expectation['counted']): Promise<void> {
    for (const alternatives of names) {
      const either = typeof alternatives === 'string' ? [alternatives] : alternatives;
      const hasMoved = (now: ReadonlyMap<string, number>): boolean =>
        either.some((name) => totalOf(now, name) > totalOf(before, name));
      let now = before;
      const counts = async (): Promise<boolean> => {
        now = await this.metrics();
        return hasMoved(now);
      };
      const isCounted = await comesAbout(counts, within(10_000, 100));
      assert.ok(isCounted, `${either.join(' or ')} did not move\n${moved(before, now)}`);
    }
  }

  #memory(row: 'VmRSS' | 'VmHWM'): number {
    assert.ok(this.server.isRunning, `the server has ended:\n${this.server.errors}`);
    const status = readFileSync(`/proc/${this.server.pid}/status`, 'utf8');
    return 1024 * Number(new RegExp(`^${row}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]);
  }

  #fetch(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        port: this.server.port,
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

/** Of all files in a folder: blocks, not lengths, because segments are laid out before they are filled. */
function sizeOf(folder: string): number {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return files.reduce((sum, file) => {
    const { blocks = 0 } = statSync(join(folder, file), { throwIfNoEntry: false }) ?? {};
    return sum + blocks * 512;
  }, 0);
}

export const limitReached = (limit: string): string => `commucat_limit_reached_total{limit="${limit}"}`;
