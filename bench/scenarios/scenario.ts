import { openFilesLimit } from '../process-figures.ts';
import { type RelayServer, startRelayServer } from '../servers.ts';
import type { Sizes } from '../sizes.ts';
import type { Timing } from '../timing.ts';

export interface ScenarioOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly sizes: Sizes;
  /** Folder for CPU profiles of the server. */
  readonly profile: string | undefined;
}

export const WITHOUT_POSTGRES = 'storage.postgres_dsn=none';

/** A server for one scenario; its profile gets the scenario's name. */
export function relayServer(
  options: ScenarioOptions,
  name: string,
  set: readonly string[] = [WITHOUT_POSTGRES],
): Promise<RelayServer> {
  const { profile } = options;
  return startRelayServer({ set, profile: profile === undefined ? undefined : { folder: profile, name } });
}

export function timingOf({ seconds, sizes }: ScenarioOptions): Timing {
  return { warmUpMs: sizes.warmUpMs, seconds };
}

/** What each session takes of the open files, in this process and in the server's. */
const FILES_PER_SESSION = 1;
/** Files of everything else. */
const OTHER_FILES = 200;

/** The numbers of sessions that the limit of open files allows, and a note about the others. */
export function affordable(counts: readonly number[]): {
  readonly sizes: readonly number[];
  readonly notes: string[];
} {
  const limit = openFilesLimit();
  const fits = (count: number): boolean => count * FILES_PER_SESSION + OTHER_FILES <= limit;
  return {
    sizes: counts.filter(fits),
    notes: counts
      .filter((count) => !fits(count))
      .map((count) => `${count} sessions: skipped, ulimit -n is ${limit}`),
  };
}
