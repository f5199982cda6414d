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

/**
 * Splits what a message costs by threads. Node.js does not name its threads: the main thread has the lowest number, the
 * one of the process, and the workers are the busiest of the others.
 */
export function halves({ threadCpu, operations }: Interval, workers: number): Halves {
  const main = Math.min(...threadCpu.keys());
  const rest = [...threadCpu]
    .filter(([thread]) => thread !== main)
    .map(([, seconds]) => seconds)
    .sort((a, b) => b - a);
  const cost = (seconds: readonly number[]): number =>
    (seconds.reduce((sum, each) => sum + each, 0) / operations) * MICROSECONDS;
  return {
    relay: cost([threadCpu.get(main) ?? 0]),
    gateway: cost(rest.slice(0, workers)),
    others: cost(rest.slice(workers)),
  };
}

/**
 * Messages a second of a server that has so many cores: the relay's thread is one and can use one core at most, and all
 * threads together cannot use more than there are.
 */
export function ceiling({ relay, gateway, others }: Halves, cores: number): number {
  return Math.min(MICROSECONDS / relay, (cores * MICROSECONDS) / (relay + gateway + others));
}
