import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds, cpuSecondsWithin } from './process-figures.ts';
import type { ServerChild } from './servers.ts';

/** Before a measurement: the compilers of both sides have seen the load by then. */
const WARM_UP_MS = 2_000;
const QUIET_STEP_MS = 250;
/** A server that uses less than this share of a core has done what was left from the load before. */
const QUIET_SHARE = 0.04;
const QUIET_DEADLINE_MS = 60_000;

export interface Interval {
  readonly seconds: number;
  /** Operations within the interval. */
  readonly operations: number;
  /** Core-seconds of the server process, of its Postgres, and of this process. */
  readonly serverCpu: number;
  readonly postgresCpu: number;
  readonly clientCpu: number;
}

/** Counts operations of a load that is running, between a warm-up and the end of the given time. */
export async function measure(
  server: ServerChild,
  seconds: number,
  operations: () => number,
  warmUpMs: number = WARM_UP_MS,
): Promise<Interval> {
  await sleep(warmUpMs);
  const before = sample(server, operations);
  await sleep(seconds * 1000);
  const after = sample(server, operations);
  return {
    seconds: (after.at - before.at) / 1000,
    operations: after.operations - before.operations,
    serverCpu: after.serverCpu - before.serverCpu,
    postgresCpu: after.postgresCpu - before.postgresCpu,
    clientCpu: after.clientCpu - before.clientCpu,
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
