import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds, cpuSecondsWithin, type ThreadCpu, threadCpu } from './process-figures.ts';
import type { ServerChild } from './servers.ts';

const QUIET_STEP_MS = 250;
/** A server that uses less than this share of a core has done what was left from the load before. */
const QUIET_SHARE = 0.04;
const QUIET_DEADLINE_MS = 60_000;

export interface Interval {
  /** By `performance.now()`. */
  readonly begin: number;
  readonly end: number;
  readonly seconds: number;
  /** Operations within the interval. */
  readonly operations: number;
  /** Core-seconds of the server process, of its Postgres, and of this process. */
  readonly serverCpu: number;
  readonly postgresCpu: number;
  readonly clientCpu: number;
  /** Core-seconds of each thread of the server, the main one first. */
  readonly threads: readonly ThreadCpu[];
}

export interface Timing {
  readonly warmUpMs: number;
  readonly seconds: number;
}

/** Counts operations of a load that is running, between a warm-up and the end of the given time. */
export async function measure(
  server: ServerChild,
  { warmUpMs, seconds }: Timing,
  operations: () => number,
): Promise<Interval> {
  await sleep(warmUpMs);
  const stop = stopwatch(server, operations);
  await sleep(seconds * 1000);
  return stop();
}

/** Starts an interval; the function that it returns ends it. */
export function stopwatch(server: ServerChild, operations: () => number): () => Interval {
  const before = sample(server, operations);
  return () => {
    const after = sample(server, operations);
    const threads = [...after.threads]
      .sort(([a], [b]) => Number(b === server.pid) - Number(a === server.pid))
      .map(([thread, { name, seconds }]) => ({
        name,
        seconds: seconds - (before.threads.get(thread)?.seconds ?? 0),
      }));
    return {
      begin: before.at,
      end: after.at,
      seconds: (after.at - before.at) / 1000,
      operations: after.operations - before.operations,
      serverCpu: after.serverCpu - before.serverCpu,
      postgresCpu: after.postgresCpu - before.postgresCpu,
      clientCpu: after.clientCpu - before.clientCpu,
      threads,
    };
  };
}

function sample({ pid, folder }: ServerChild, operations: () => number) {
  const { user, system } = process.cpuUsage();
  return {
    at: performance.now(),
    operations: operations(),
    serverCpu: cpuSeconds(pid),
    postgresCpu: cpuSecondsWithin(folder),
    clientCpu: (user + system) / 1_000_000,
    threads: threadCpu(pid),
  };
}

/** Resolves when the server and its Postgres have nothing left to do. */
export async function untilQuiet({ pid, folder }: ServerChild): Promise<void> {
  const deadline = performance.now() + QUIET_DEADLINE_MS;
  const used = (): number => cpuSeconds(pid) + cpuSecondsWithin(folder);
  for (let quiet = 0; quiet < 2; ) {
    const [at, before] = [performance.now(), used()];
    await sleep(QUIET_STEP_MS);
    const share = (used() - before) / ((performance.now() - at) / 1000);
    quiet = share <= QUIET_SHARE ? quiet + 1 : 0;
    if (performance.now() > deadline) throw new Error(`process ${pid} does not come to rest`);
  }
}
