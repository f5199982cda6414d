import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { BARE_PATHS } from '../bare-paths.ts';
import { figureRow } from '../figures.ts';
import { ownConnections } from '../load/dial.ts';
import { inLanes } from '../load/lanes.ts';
import { paced } from '../load/paced.ts';
import { Pair } from '../load/pair.ts';
import { MESSAGE_BYTES } from '../load/writes.ts';
import type { Row, Table } from '../report.ts';
import { type RelayServer, type ServerChild, startBareServer } from '../servers.ts';
import { percentile } from '../statistics.ts';
import { type Timing, untilQuiet } from '../timing.ts';
import { relayServer, type ScenarioOptions, timingOf } from './scenario.ts';

const PAIRS = 4;
const RATE = 50;
/** What is still on its way after the last message, in milliseconds. */
const SETTLE_MS = 500;
const TARGETS = { p50: 1.2, p99: 5 } as const;

/** Time from before the encryption of a message to after its decoding at the other device, both in this process. */
export async function latencyScenario(options: ScenarioOptions): Promise<Table> {
  await using bare = await startBareServer();
  await using server = await relayServer(options, 'latency');
  const limits: (readonly number[])[] = [];
  const ours: (readonly number[])[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    await untilQuiet(server);
    limits.push(await echoLatencies(bare, timingOf(options)));
    ours.push(await relayLatencies(server, timingOf(options)));
  }
  const rows = (['p50', 'p99'] as const).flatMap((name): readonly Row[] => {
    const share = name === 'p50' ? 0.5 : 0.99;
    const limit = limits.map((values) => percentile(values, share));
    const rounds = ours.map((values) => percentile(values, share));
    const target = { of: 'value', bound: 'at most', value: TARGETS[name] } as const;
    return [
      figureRow(`echo ${name}`, 'ms', limit),
      figureRow(`delivery ${name}`, 'ms', rounds, { to: 'echo', rounds: limit }, [target]),
    ];
  });
  const title = `Latency: ${PAIRS} pairs, ${RATE} messages/s each, ${MESSAGE_BYTES} bytes, against the round trip of an echo at that pace`;
  return { scenario: 'latency', title, rows };
}

/** The milliseconds of each message; `arrived` belongs to the oldest one on its way, for order holds everywhere. */
class Stopwatch {
  readonly #begun: number[] = [];
  readonly #latencies: number[] = [];

  begin(): void {
    this.#begun.push(performance.now());
  }

  arrived(): void {
    const begun = this.#begun[this.#latencies.length];
    if (begun === undefined) throw new Error('more messages arrived than were sent');
    this.#latencies.push(performance.now() - begun);
  }

  /** Without the messages that only warmed both sides up. @throws Error when a message was lost */
  finish({ warmUpMs }: Timing): readonly number[] {
    if (this.#latencies.length !== this.#begun.length) throw new Error('messages were lost');
    return this.#latencies.slice(Math.floor((warmUpMs / 1000) * RATE));
  }
}

async function runPaced({ warmUpMs, seconds }: Timing, sends: readonly (() => void)[]): Promise<void> {
  const apart = 1000 / RATE / sends.length;
  await Promise.all(sends.map((send, i) => paced(RATE, warmUpMs / 1000 + seconds, i * apart, send)));
  await sleep(SETTLE_MS);
}

async function echoLatencies(bare: ServerChild, timing: Timing): Promise<readonly number[]> {
  const dial = ownConnections(bare.address);
  const lanes = await inLanes(PAIRS, async () => {
    const stream = await dial(BARE_PATHS.echo);
    const stopwatch = new Stopwatch();
    let bytes = 0;
    stream.onData = (chunk) => {
      for (bytes += chunk.length; bytes >= MESSAGE_BYTES; bytes -= MESSAGE_BYTES) stopwatch.arrived();
    };
    const send = (): void => {
      stopwatch.begin();
      stream.write(Buffer.alloc(MESSAGE_BYTES));
    };
    return { stream, stopwatch, send };
  });
  await runPaced(
    timing,
    lanes.map(({ send }) => send),
  );
  await Promise.all(lanes.map(({ stream }) => stream.close()));
  return lanes.flatMap(({ stopwatch }) => stopwatch.finish(timing));
}

async function relayLatencies(server: RelayServer, timing: Timing): Promise<readonly number[]> {
  const dial = ownConnections(server.address);
  const lanes = await inLanes(PAIRS, async () => {
    const pair = await Pair.open(server, {
      dial,
      messageBytes: MESSAGE_BYTES,
      writes: 'message',
      capabilities: [],
    });
    const stopwatch = new Stopwatch();
    pair.onMessage = () => stopwatch.arrived();
    const send = (): void => {
      stopwatch.begin();
      pair.send(1);
    };
    return { pair, stopwatch, send };
  });
  await runPaced(
    timing,
    lanes.map(({ send }) => send),
  );
  await Promise.all(lanes.map(({ pair }) => pair.close()));
  return lanes.flatMap(({ stopwatch }) => stopwatch.finish(timing));
}
