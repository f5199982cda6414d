import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { closeConnection, openConnection } from '../load/connection.ts';
import { ECHO_PATHS, MESSAGE_BYTES } from '../load/echo-shape.ts';
import { paced } from '../load/paced.ts';
import { Pair } from '../load/pair.ts';
import type { Row, Table } from '../report.ts';
import { type RelayServer, type ServerChild, startEchoServer } from '../servers.ts';
import { percentile, ratios } from '../statistics.ts';
import { untilQuiet } from '../timing.ts';
import { relayServer, type ScenarioOptions } from './scenario.ts';

const PAIRS = 4;
const RATE = 50;
/** Messages that only warm both sides up, in seconds. */
const WARM_UP = 2;
/** What is still on its way after the last message, in milliseconds. */
const SETTLE_MS = 500;
const TARGETS = { p50: 1.5, p99: 8 } as const;

/** Time from before the encryption of a message to after its decoding at the other device, both in this process. */
export async function latencyScenario(options: ScenarioOptions): Promise<Table> {
  await using echo = await startEchoServer();
  await using server = await relayServer(options, 'latency');
  const limits: number[][] = [];
  const ours: number[][] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    await untilQuiet(server);
    limits.push(await echoLatencies(echo, options.seconds));
    ours.push(await relayLatencies(server, options.seconds));
  }
  const rows = (['p50', 'p99'] as const).flatMap((name): readonly Row[] => {
    const share = name === 'p50' ? 0.5 : 0.99;
    const limit = limits.map((values) => percentile(values, share));
    const rounds = ours.map((values) => percentile(values, share));
    const target = { of: 'value', bound: 'at most', value: TARGETS[name] } as const;
    return [
      { name: `limit: ${name} of an echo`, unit: 'ms', rounds: limit },
      { name: `delivery ${name}`, unit: 'ms', rounds, ratios: ratios(rounds, limit), targets: [target] },
    ];
  });
  const title = `Latency: ${PAIRS} pairs, ${RATE} messages/s each, ${MESSAGE_BYTES} bytes; limit: round trip of an echo at that pace`;
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

  /** Without the warm-up. @throws Error when a message was lost */
  finish(): readonly number[] {
    if (this.#latencies.length !== this.#begun.length) throw new Error('messages were lost');
    return this.#latencies.slice(WARM_UP * RATE);
  }
}

async function runPaced(seconds: number, sends: readonly (() => void)[]): Promise<void> {
  const apart = 1000 / RATE / sends.length;
  await Promise.all(sends.map((send, i) => paced(RATE, WARM_UP + seconds, i * apart, send)));
  await sleep(SETTLE_MS);
}

async function echoLatencies(echo: ServerChild, seconds: number): Promise<number[]> {
  const lanes = await Promise.all(
    Array.from({ length: PAIRS }, async () => {
      const connection = await openConnection(echo.address, ECHO_PATHS.message);
      const stopwatch = new Stopwatch();
      let bytes = 0;
      connection.stream.on('data', (chunk: Uint8Array) => {
        for (bytes += chunk.length; bytes >= MESSAGE_BYTES; bytes -= MESSAGE_BYTES) stopwatch.arrived();
      });
      const send = (): void => {
        stopwatch.begin();
        connection.stream.write(Buffer.alloc(MESSAGE_BYTES));
      };
      return { connection, stopwatch, send };
    }),
  );
  await runPaced(
    seconds,
    lanes.map(({ send }) => send),
  );
  await Promise.all(lanes.map(({ connection }) => closeConnection(connection)));
  return lanes.flatMap(({ stopwatch }) => stopwatch.finish());
}

async function relayLatencies(server: RelayServer, seconds: number): Promise<number[]> {
  const lanes = await Promise.all(
    Array.from({ length: PAIRS }, async () => {
      const pair = await Pair.open(server, { messageBytes: MESSAGE_BYTES, capabilities: [] });
      const stopwatch = new Stopwatch();
      pair.onMessage = () => stopwatch.arrived();
      const send = (): void => {
        stopwatch.begin();
        pair.send(1);
      };
      return { pair, stopwatch, send };
    }),
  );
  await runPaced(
    seconds,
    lanes.map(({ send }) => send),
  );
  await Promise.all(lanes.map(({ pair }) => pair.close()));
  return lanes.flatMap(({ stopwatch }) => stopwatch.finish());
}
