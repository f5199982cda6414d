import { setTimeout as sleep } from 'node:timers/promises';
import { BARE_PATHS } from '../bare-paths.ts';
import { figureRow } from '../figures.ts';
import type { ByteStream } from '../load/byte-stream.ts';
import { ownConnections } from '../load/dial.ts';
import { inLanes } from '../load/lanes.ts';
import { LoadSession } from '../load/session.ts';
import { residentBytes } from '../process-figures.ts';
import type { Table, Target } from '../report.ts';
import { type ServerChild, startBareServer } from '../servers.ts';
import { untilQuiet } from '../timing.ts';
import { affordable, relayServer, type ScenarioOptions } from './scenario.ts';

const TARGET: Target = { of: 'value', bound: 'at most', value: 80 };

/**
 * What one open session without traffic adds to the resident memory. Each round is with a server that was just started:
 * freed memory is reused, not returned, so a server that has worked before would show less.
 */
export async function idleScenario(options: ScenarioOptions): Promise<Table> {
  const { sizes: counts, notes } = affordable(options.sizes.idle);
  const limits: (readonly number[])[] = [];
  const ours: (readonly number[])[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    {
      await using bare = await startBareServer();
      const dial = ownConnections(bare.address);
      limits.push(await perSession(bare, counts, options.sizes.settleMs, () => dial(BARE_PATHS.echo)));
    }
    await using server = await relayServer(options, `idle-${round + 1}`);
    const dial = ownConnections(server.address);
    ours.push(
      await perSession(server, counts, options.sizes.settleMs, () => LoadSession.open(server, { dial })),
    );
  }
  const rows = counts.flatMap((count, index) => {
    const limit = limits.map((figures) => figures[index] ?? Number.NaN);
    const rounds = ours.map((figures) => figures[index] ?? Number.NaN);
    return [
      figureRow(`${count}: bare streams`, 'KB each', limit),
      figureRow(`${count}: sessions`, 'KB each', rounds, { to: 'bare streams', rounds: limit }, [TARGET]),
    ];
  });
  const title =
    'Memory of idle sessions, each on a TLS connection of its own; bare streams: TLS and one open HTTP/2 stream';
  return { scenario: 'idle', title, rows, notes };
}

/** KB that each session adds, at each of the ascending counts. */
async function perSession(
  server: ServerChild,
  counts: readonly number[],
  settleMs: number,
  open: () => Promise<Pick<ByteStream, 'destroy'>>,
): Promise<readonly number[]> {
  await untilQuiet(server);
  const before = residentBytes(server.pid);
  const opened: Pick<ByteStream, 'destroy'>[] = [];
  const figures: number[] = [];
  for (const count of counts) {
    opened.push(...(await inLanes(count - opened.length, open)));
    await sleep(settleMs);
    await untilQuiet(server);
    figures.push((residentBytes(server.pid) - before) / 1024 / count);
  }
  for (const each of opened) each.destroy();
  return figures;
}
