import type { ThreadCpu } from './process-figures.ts';
import type { Interval } from './timing.ts';

/** CPU time of one message, in microseconds. */
export interface Halves {
  /** The main thread: actors, log, delivery. */
  readonly relay: number;
  /** All threads of the gateway together: TLS, HTTP/2, Noise. */
  readonly gateway: number;
  /** File system, compilers, collectors. */
  readonly others: number;
}

const MICROSECONDS = 1_000_000;
/** How the server names the threads of its gateway: src/gateway-workers/worker-pool.ts. */
const GATEWAY = /^gateway/;

/** Splits what a message costs by threads. */
export function halves({ threads, operations }: Pick<Interval, 'threads' | 'operations'>): Halves {
  const [main, ...rest] = threads;
  const cost = (counted: readonly ThreadCpu[]): number =>
    (counted.reduce((sum, { seconds }) => sum + seconds, 0) / operations) * MICROSECONDS;
  return {
    relay: main === undefined ? 0 : cost([main]),
    gateway: cost(rest.filter(({ name }) => GATEWAY.test(name))),
    others: cost(rest.filter(({ name }) => !GATEWAY.test(name))),
  };
}

/**
 * Messages a second of a server that has so many cores: the relay's thread is one and can use one core at most, and all
 * threads together cannot use more than there are.
 */
export function ceiling({ relay, gateway, others }: Halves, cores: number): number {
  return Math.min(MICROSECONDS / relay, (cores * MICROSECONDS) / (relay + gateway + others));
}
