import { type RelayServer, startRelayServer } from '../servers.ts';

export interface ScenarioOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly sessions: number;
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
