import { MemoryLog } from '../../src/log/memory/memory-log.ts';
import { Scheduler } from '../kit/scheduler.ts';
import { RelayWorld, type WorldOptions } from './relay-world.ts';
import type { TestClient } from './test-client.ts';

/** A relay over a log in memory. */
export function world(options: Partial<WorldOptions> = {}): Promise<RelayWorld> {
  const clock = options.clock ?? new Scheduler();
  return RelayWorld.start({ log: options.log ?? new MemoryLog(clock), clock, ...options });
}

/** Two devices that take part in one channel. */
export async function pair(server: RelayWorld, channel = 7): Promise<[TestClient, TestClient]> {
  const alice = await server.connect('alice');
  const bob = await server.connect('bob');
  await alice.join(channel, ['alice', 'bob']);
  await bob.join(channel, ['alice', 'bob']);
  return [alice, bob];
}
