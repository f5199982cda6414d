import type { FuzzDevice } from './device.ts';
import type { Ledger } from './ledger.ts';

/** What happened in a run, so that whoever reads it sees that it tests something. */
export interface RunFigures {
  frames: number;
  arrivals: number;
  repetitions: number;
  refused: number;
  connections: number;
  crashes: number;
  storms: number;
}

export function noFigures(): RunFigures {
  return { frames: 0, arrivals: 0, repetitions: 0, refused: 0, connections: 0, crashes: 0, storms: 0 };
}

/** Adds what the ledger and the devices know in the end. */
export function count(figures: RunFigures, ledger: Ledger, devices: readonly FuzzDevice[]): RunFigures {
  for (const { fate, arrivals } of ledger.dispatches) {
    figures.frames += 1;
    figures.arrivals += arrivals.size;
    if (fate.is === 'refused') figures.refused += 1;
  }
  for (const { repetitions } of devices) figures.repetitions += repetitions;
  return figures;
}

/** Grows with everything that comes. */
export function progress(devices: readonly FuzzDevice[]): number {
  return devices.reduce(
    (sum, { arrivals, processed, gaps }) => sum + arrivals.length + processed + gaps.size,
    0,
  );
}

export function add(sums: RunFigures, figures: RunFigures): void {
  for (const name of Object.keys(sums) as (keyof RunFigures)[]) sums[name] += figures[name];
}
