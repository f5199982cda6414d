import { setTimeout as sleep } from 'node:timers/promises';
import { closeConnection, openConnection } from '../load/connection.ts';
import { ECHO_PATHS } from '../load/echo-shape.ts';
import { LoadSession } from '../load/session.ts';
import { residentBytes } from '../process-figures.ts';
import type { Row, Table } from '../report.ts';
import { type ServerChild, startEchoServer } from '../servers.ts';
import { ratios } from '../statistics.ts';
import { untilQuiet } from '../timing.ts';
import { relayServer, type ScenarioOptions } from './scenario.ts';

const CONCURRENCY = 8;
/** Time for the allocator and the collector to come to rest, in milliseconds. */
const SETTLE_MS = 2_000;
const TARGET_KB = 90;

/**
 * What one open session without traffic adds to the resident memory. Each figure is from a server that was just started:
 * freed memory is reused, not returned, so a server that has worked before would show less.
 */
export async function idleScenario(options: ScenarioOptions): Promise<Table> {
  const limits: number[] = [];
  const ours: number[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    {
      await using echo = await startEchoServer();
      limits.push(
        await perSession(echo, options.sessions, async () => {
          const connection = await openConnection(echo.address, ECHO_PATHS.message);
          return () => closeConnection(connection);
        }),
      );
    }
    await using server = await relayServer(options, `idle-${round + 1}`);
    ours.push(
      await perSession(server, options.sessions, async () => {
        const session = await LoadSession.open(server);
        return () => session.close();
      }),
    );
  }
  const title = `Memory: ${options.sessions} idle sessions; limit: bare TLS connections with one open HTTP/2 stream`;
  const target = { of: 'value', bound: 'at most', value: TARGET_KB } as const;
  const rows: readonly Row[] = [
    { name: 'limit', unit: 'KB/session', rounds: limits },
    { name: 'session', unit: 'KB/session', rounds: ours, ratios: ratios(ours, limits), targets: [target] },
  ];
  return { scenario: 'idle', title, rows };
}

async function perSession(
  server: ServerChild,
  sessions: number,
  open: () => Promise<() => Promise<void>>,
): Promise<number> {
  await untilQuiet(server);
  const before = residentBytes(server.pid);
  const closers: (() => Promise<void>)[] = [];
  let begun = 0;
  const lane = async (): Promise<void> => {
    while (begun < sessions) {
      begun += 1;
      closers.push(await open());
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, lane));
  await sleep(SETTLE_MS);
  await untilQuiet(server);
  const after = residentBytes(server.pid);
  await Promise.all(closers.map((close) => close()));
  return (after - before) / 1024 / sessions;
}
