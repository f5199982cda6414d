import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { dirname } from 'node:path';
import { median } from './statistics.ts';

/** What was wanted of the median of a row, or of its ratio to the limit. */
export interface Target {
  readonly of: 'value' | 'ratio';
  readonly bound: 'at least' | 'at most';
  readonly value: number;
}

/** One figure, measured once per round. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly rounds: readonly number[];
  /** Divided by the limit of the same round; absent for the limit itself. */
  readonly ratios?: readonly number[];
  readonly targets?: readonly Target[];
}

export interface Table {
  readonly scenario: string;
  readonly title: string;
  readonly rows: readonly Row[];
}

/** One scenario as lines of text: median, smallest to largest, ratio to the limit, targets. */
export function tableText({ title, rows }: Table): string {
  const width = Math.max(...rows.map(({ name }) => name.length));
  const lines = rows.map((row) => {
    const value = `${compact(median(row.rounds))} ${row.unit}`.padStart(20);
    const ratio = row.ratios === undefined ? '' : `${compact(median(row.ratios))} of the limit`;
    const spread = row.ratios === undefined ? '' : ` (${range(row.ratios)})`;
    const targets = (row.targets ?? []).map((target) => targetText(row, target)).join('; ');
    return `  ${row.name.padEnd(width)} ${value}  ${range(row.rounds).padEnd(17)}  ${`${ratio}${spread}`.padEnd(34)} ${targets}`.trimEnd();
  });
  return `${title}\n${lines.join('\n')}\n`;
}

export function holds(row: Row, target: Target): boolean {
  const value = median(target.of === 'value' ? row.rounds : (row.ratios ?? []));
  return target.bound === 'at least' ? value >= target.value : value <= target.value;
}

/** Where the figures come from: they mean nothing on another machine, and little on a busy one. */
export function machineFacts() {
  return {
    command: `npm run bench -- ${process.argv.slice(2).join(' ')}`.trimEnd(),
    node: process.version,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    loadBefore: loadavg().map((load) => Number(load.toFixed(2))),
  };
}

export function writeResults(
  file: string,
  machine: ReturnType<typeof machineFacts>,
  tables: readonly Table[],
): void {
  const results = tables.map(({ scenario, title, rows }) => ({
    scenario,
    title,
    rows: rows.map((row) => ({
      ...row,
      median: median(row.rounds),
      ...(row.ratios === undefined ? {} : { medianRatio: median(row.ratios) }),
      targets: (row.targets ?? []).map((target) => ({ ...target, holds: holds(row, target) })),
    })),
  }));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ ...machine, results }, null, 2)}\n`);
}

function targetText(row: Row, target: Target): string {
  const what = target.of === 'value' ? row.unit : 'of the limit';
  return `target ${target.bound} ${compact(target.value)} ${what}: ${holds(row, target) ? 'holds' : 'MISSED'}`;
}

function range(values: readonly number[]): string {
  return `${compact(Math.min(...values))} - ${compact(Math.max(...values))}`;
}

/** Three significant digits, thousands without digits behind the point. */
function compact(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toString();
  return Number(value.toPrecision(3)).toString();
}
