import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeClock } from '../../src/client/platform-node.ts';
import { type LogReport, logStats, verifyLog } from '../../src/log/segments/inspect.ts';
import { CommandError, EXIT } from '../kit/exit-codes.ts';

export interface LogCheck {
  readonly clean: boolean;
  readonly events: number;
  readonly batches: number;
  readonly summary: string;
  readonly report: LogReport;
}

/** The folder of the log within a data folder. @throws CommandError when there is none */
export async function logFolder(dataDir: string): Promise<string> {
  const folder = join(dataDir, 'log');
  const found = await stat(folder).catch(() => undefined);
  if (found?.isDirectory() !== true) {
    throw new CommandError(
      EXIT.CONFIGURATION,
      `${folder}: there is no log; --data names the server's data folder`,
    );
  }
  return folder;
}

/** Reads the whole log of a data folder, and with `hashes` checks the hash chain, too. Changes nothing. */
export async function checkLog(dataDir: string, hashes = true): Promise<LogCheck> {
  const folder = await logFolder(dataDir);
  const report = await (hashes ? verifyLog : logStats)(folder, { clock: nodeClock });
  const events = sum(report, (family) => family.events);
  const batches = sum(report, (family) => family.batches);
  const clean = report.damage.length === 0;
  const torn = report.tornTails.length > 0 ? ', the end of an interrupted write is left out' : '';
  const isCopy = report.history?.original === false;
  const copied = isCopy ? ', these files are a copy: a server begins a new history with them' : '';
  const found = clean ? 'no damage' : report.damage.map(({ message }) => message).join('; ');
  return {
    clean,
    events,
    batches,
    summary: `${events} events in ${batches} batches, ${found}${torn}${copied}`,
    report,
  };
}

/** Which history the files belong to, in a line; undefined: they do not say. */
export function historyLine({ history }: LogReport): string | undefined {
  if (history === undefined) return undefined;
  const copy = history.original ? '' : '; these files are a copy: a server begins a new history with them';
  return `history  ${history.epoch} (${history.cause})${copy}`;
}

function sum(report: LogReport, count: (family: LogReport['families'][number]) => number): number {
  return report.families.reduce((total, family) => total + count(family), 0);
}
