import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { dirname } from 'node:path';
import { median } from './statistics.ts';

/** What was wanted of the median of a row, or of its ratio. */
export interface Target {
  readonly of: 'value' | 'ratio';
  readonly bound: 'at least' | 'at most';
  readonly value: number;
}

/** A figure beside another one that was measured in the same rounds. */
export interface Comparison {
  /** Name of the other figure. */
  readonly to: string;
  /** This one divided by the other one, by round. */
  readonly ratios: readonly number[];
}

/** One figure, measured once per round. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly rounds: readonly number[];
  /** Absent for what others are compared to. */
  readonly compared?: Comparison;
  readonly targets?: readonly Target[];
}

export interface Table {
  readonly scenario: string;
  readonly title: string;
  readonly rows: readonly Row[];
  /** What was left out and why, and what to keep in mind. */
  readonly notes?: readonly string[];
}

/** One scenario as lines of text: median, smallest to largest, ratio, targets. */
export function tableText({ title, rows, notes = [] }: Table): string {
  const width = Math.max(0, ...rows.map(({ name }) => name.length));
  const lines = rows.map((row) => `  ${row.name.padEnd(width)} ${figures(row)}`.trimEnd());
  return [title, ...lines, ...notes.map((note) => `  ! ${note}`), ''].join('\n');
}

/** The table of a run whose figures mean nothing. */
export function withoutTargets(table: Table): Table {
  return { ...table, rows: table.rows.map((row) => ({ ...row, targets: [] })) };
}

export function holds(row: Row, target: Target): boolean {
  const value = median(target.of === 'value' ? row.rounds : (row.compared?.ratios ?? []));
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
  const results = tables.map(({ rows, ...table }) => ({
    ...table,
    rows: rows.map(({ compared, targets = [], ...row }) => ({
      ...row,
      median: median(row.rounds),
      ...(compared === undefined ? {} : { compared: { ...compared, median: median(compared.ratios) } }),
      targets: targets.map((target) => ({
        ...target,
        holds: holds(compared === undefined ? row : { ...row, compared }, target),
      })),
    })),
  }));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ ...machine, results }, null, 2)}\n`);
}

function figures(row: Row): string {
  const { unit, rounds, compared, targets = [] } = row;
  const value = `${compact(median(rounds))} ${unit}`.padStart(24);
  const ratio =
    compared === undefined
      ? ''
      : `${compact(median(compared.ratios))} of ${compared.to} (${range(compared.ratios)})`;
  return `${value}  ${range(rounds).padEnd(17)}  ${ratio.padEnd(38)} ${targets.map((target) => targetText(row, target)).join('; ')}`;
}

function targetText(row: Row, target: Target): string {
  const what = target.of === 'value' ? row.unit : `of ${row.compared?.to}`;
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
