// node --import tsx bench/reconnects.ts [devices] [without]: all devices of one household, office or carrier come back at once
// from one address after the server was started again, with its default limits. `without`: they show no tickets.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { ServerProcess } from '../test/kit/server-process.ts';
import { type ServerAddress, WireClient } from '../test/kit/wire-client.ts';

const DEVICES = Number(process.argv[2] ?? 2000);
const TICKETS = process.argv[3] !== 'without';
const LANES = 32;
/** Before a connection is tried again after it was cut off, in milliseconds, and what is added at random. */
const RETRY_MS = 250;
const JITTER_MS = 1000;
/** The limits of this scenario as they are for everybody: test servers raise this one. */
const DEFAULTS = ['security.rate_limit.connect_burst=20'];
/** Any limit would make the first visit of so many devices from one address slow. */
const OPEN = ['security.rate_limit.connect_burst=1000000', 'limits.sessions_per_address=1000000'];

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function addressOf({ ca, port, ready }: ServerProcess): ServerAddress {
  return { ca, port, domain: ready.domain, noisePublic: ready.noise_public };
}

const tickets: string[] = [];
const answers = new Map<string, number>();

function note(answer: string): void {
  answers.set(answer, (answers.get(answer) ?? 0) + 1);
}

/** One attempt. Milliseconds to wait before the next one; undefined: the device is in. */
async function attempt(server: ServerAddress, device: number): Promise<number | undefined> {
  let retryAfter: number | undefined;
  const ticket = tickets[device];
  const head = ticket === undefined || !TICKETS ? {} : { 'commucat-ticket': ticket };
  const client = new WireClient(server, `device-${device}`, { head });
  client.stream.once('response', (response: Readonly<Record<string, unknown>>) => {
    note(`status ${response[':status']}`);
    if (response['retry-after'] !== undefined) retryAfter = 1000 * Number(response['retry-after']);
  });
  try {
    await client.handshake();
    tickets[device] = client.facts.ticket;
    opened.push(client);
    return undefined;
  } catch {
    client.close();
    if (retryAfter === undefined) note('cut off');
    return (retryAfter ?? RETRY_MS) + Math.random() * JITTER_MS;
  }
}

let opened: WireClient[] = [];

async function connect(server: ServerAddress, device: number): Promise<void> {
  for (;;) {
    const wait = await attempt(server, device);
    if (wait === undefined) return;
    await pause(wait);
  }
}

const directory = mkdtempSync(join(tmpdir(), 'commucat-reconnects-'));
try {
  const first = await ServerProcess.start(OPEN, directory);
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let device = next++; device < DEVICES; device = next++) await connect(addressOf(first), device);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  for (const client of opened) client.close();
  opened = [];
  answers.clear();
  await first.stop();
  const again = await ServerProcess.start(DEFAULTS, directory);
  const begin = performance.now();
  const times = await Promise.all(
    Array.from({ length: DEVICES }, async (_, device) => {
      await connect(addressOf(again), device);
      return performance.now() - begin;
    }),
  );
  const sorted = times.toSorted((a, b) => a - b);
  const seconds = (share: number): string =>
    ((sorted[Math.ceil(share * DEVICES) - 1] ?? 0) / 1000).toFixed(1);
  console.log(`${DEVICES} devices ${TICKETS ? 'with' : 'without'} tickets behind one address`);
  console.log(
    `back: half after ${seconds(0.5)} s, nine of ten after ${seconds(0.9)} s, all after ${seconds(1)} s`,
  );
  console.log([...answers].map(([answer, count]) => `${answer}: ${count}`).join(', '));
  await again.kill();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
process.exit();
