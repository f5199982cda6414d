import assert from 'node:assert/strict';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import type { RelayWorld } from './relay-world.ts';
import type { SeenFrame, TestClient } from './test-client.ts';

export const GROUP = 'g-1';
export const NUMBER = 9;

/** Connected devices that know each other: all take part in channel 1. */
export async function friends(server: RelayWorld, ...names: readonly string[]): Promise<TestClient[]> {
  const clients: TestClient[] = [];
  for (const name of names) clients.push(await server.connect(name));
  for (const client of clients) await client.join(1, names);
  return clients;
}

export const create = (client: TestClient, body: object = {}): Promise<SeenFrame> =>
  client.ask(FRAME.GROUP_CREATE, NUMBER, { group_id: GROUP, ...body });
export const enter = (client: TestClient, number = NUMBER): Promise<SeenFrame> =>
  client.ask(FRAME.JOIN, number, { group_id: GROUP, relay: true });
export const invite = (client: TestClient, device: string, role?: string): Promise<SeenFrame> =>
  client.ask(FRAME.GROUP_INVITE, NUMBER, {
    group_id: GROUP,
    device,
    ...(role === undefined ? {} : { role }),
  });
export const remove = (client: TestClient, device: string): Promise<SeenFrame> =>
  client.ask(FRAME.GROUP_EVENT, NUMBER, { type: 'group-member-removed', group_id: GROUP, device });
export const quit = (client: TestClient): Promise<SeenFrame> =>
  client.ask(FRAME.GROUP_EVENT, NUMBER, { type: 'group-member-left', group_id: GROUP });
export const promote = (client: TestClient, device: string, role: string): Promise<SeenFrame> =>
  client.ask(FRAME.GROUP_EVENT, NUMBER, { type: 'group-role-changed', group_id: GROUP, device, role });

/** alice owns, bob is an admin, carol a member; all three have joined. */
export async function trio(server: RelayWorld): Promise<[TestClient, TestClient, TestClient]> {
  const [alice, bob, carol] = (await friends(server, 'alice', 'bob', 'carol')) as [
    TestClient,
    TestClient,
    TestClient,
  ];
  await create(alice, { members: ['bob', 'carol'], roles: { bob: 'admin' } });
  for (const client of [bob, carol]) assert.equal((await enter(client)).type, FRAME.ACK);
  return [alice, bob, carol];
}

export const refused = (answer: SeenFrame): unknown =>
  answer.type === FRAME.ERROR ? answer.json.error : 'ACK';
