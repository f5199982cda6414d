import type { Row, Target } from './report.ts';
import { median, ratios } from './statistics.ts';
import type { Interval } from './timing.ts';

/** What the figures of a load are compared to. */
export interface Peer {
  readonly name: string;
  readonly intervals: readonly Interval[];
}

export interface ThroughputOptions {
  /** What is counted, with a blank of its own: `msg`. */
  readonly unit: string;
  readonly peer?: Peer;
  /** Of operations a second. */
  readonly targets?: readonly Target[];
  /** Of operations a second of a server core. */
  readonly coreTargets?: readonly Target[];
}

const MICROSECONDS = 1_000_000;
/** A client that uses more than this share of a core is what limits the figure. */
const CLIENT_SHARE = 0.9;

const perSecond = ({ operations, seconds }: Interval): number => operations / seconds;
const perCoreSecond = ({ operations, serverCpu }: Interval): number => operations / serverCpu;
const serverCost = ({ serverCpu, operations }: Interval): number => (serverCpu / operations) * MICROSECONDS;
const clientCost = ({ clientCpu, operations }: Interval): number => (clientCpu / operations) * MICROSECONDS;
const serverShare = ({ serverCpu, seconds }: Interval): number => (serverCpu / seconds) * 100;
const clientShare = ({ clientCpu, seconds }: Interval): number => (clientCpu / seconds) * 100;

/** How fast a load ran by the clock, and what it took of both sides. */
export function throughputRows(
  name: string,
  intervals: readonly Interval[],
  { unit, peer, targets = [], coreTargets = [] }: ThroughputOptions,
): readonly Row[] {
  const row = (
    label: string,
    of: (interval: Interval) => number,
    what: string,
    wanted: readonly Target[] = [],
  ): Row =>
    figureRow(
      label,
      what,
      intervals.map(of),
      peer && { to: peer.name, rounds: peer.intervals.map(of) },
      wanted,
    );
  const plain = (label: string, of: (interval: Interval) => number): Row =>
    figureRow(label, '% of a core', intervals.map(of));
  return [
    row(name, perSecond, `${unit}/s`, targets),
    row('  per server core', perCoreSecond, `${unit}/core-s`, coreTargets),
    row('  server CPU', serverCost, `us/${unit}`),
    figureRow('  generator CPU', `us/${unit}`, intervals.map(clientCost)),
    plain('  server uses', serverShare),
    plain('  generator uses', clientShare),
  ];
}

/** One figure, compared with another one round by round. */
export function figureRow(
  name: string,
  unit: string,
  rounds: readonly number[],
  peer?: { readonly to: string; readonly rounds: readonly number[] },
  targets: readonly Target[] = [],
): Row {
  return {
    name,
    unit,
    rounds,
    ...(peer === undefined ? {} : { compared: { to: peer.to, ratios: ratios(rounds, peer.rounds) } }),
    ...(targets.length === 0 ? {} : { targets }),
  };
}

/** Says when the generator and not the server was at its end. */
export function generatorNotes(name: string, intervals: readonly Interval[]): readonly string[] {
  const share = median(intervals.map(clientShare)) / 100;
  return share < CLIENT_SHARE
    ? []
    : [`${name}: the generator used ${Math.round(share * 100)} % of a core: the server may be faster`];
}
