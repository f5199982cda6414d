import { type LogReport, verifyLog } from '../../src/log/segments/inspect.ts';
import { systemClock } from '../../src/system/index.ts';
import type { ServerProcess } from '../kit/server-process.ts';
import type { SoakFigures } from './soak.ts';
import { type Trend, trendOf } from './trend.ts';

/** What a soak must not exceed. */
export const BOUNDS = {
  /** Share of the time that is warm-up: heap, code and arenas find their size. */
  WARM_UP: 0.4,
  /** Growth of the server's own memory behind the warm-up, as a share of its mean… */
  MEMORY_SHARE: 0.1,
  /** …and below this in bytes it is noise of the garbage collector. */
  MEMORY_BYTES: 16 * 1_048_576,
  /** More descriptors than before, files of the log aside: what Node opens once, when it first needs it. */
  DESCRIPTORS: 2,
} as const;

export interface Verdict {
  readonly trend: Trend;
  readonly log: LogReport;
  readonly problems: readonly string[];
}

/** Stops the server, reads its log from end to end and judges everything. */
export async function judge(server: ServerProcess, figures: SoakFigures): Promise<Verdict> {
  const problems = [...figures.faults];
  const exit = await server.stop();
  if (exit !== 0) problems.push(`the server ended with exit code ${exit}`);
  const log = await verifyLog(server.logDirectory, { clock: systemClock });
  problems.push(...log.damage.map(({ message }) => `log: ${message}`));
  const last = figures.memory.at(-1)?.at ?? 0;
  const trend = trendOf(figures.memory.filter(({ at }) => at >= last * BOUNDS.WARM_UP));
  if (trend.growth > Math.max(BOUNDS.MEMORY_BYTES, BOUNDS.MEMORY_SHARE * trend.mean)) {
    problems.push(`memory grows: ${Math.round(trend.growth / 1048576)} MiB behind the warm-up`);
  }
  const more = figures.descriptorsAfter - figures.descriptorsBefore;
  if (more > BOUNDS.DESCRIPTORS) problems.push(`${more} file descriptors more than before`);
  if (figures.acknowledged !== figures.sent) {
    problems.push(`${figures.sent - figures.acknowledged} messages were never acknowledged`);
  }
  return { trend, log, problems };
}
