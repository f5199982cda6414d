import assert from 'node:assert/strict';
import { STREAMS } from '../../src/events/streams.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { Scheduler } from '../kit/scheduler.ts';
import { seededRandom } from '../kit/seeded-random.ts';
import { SimulatedDisk } from '../kit/simulated-disk.ts';
import { RelayWorld } from '../simulation/relay-world.ts';
import type { TestClient } from '../simulation/test-client.ts';
import { GROUP_DEVICES, type GroupAction, type GroupStep } from './group-commands.ts';
import { GroupModel, type ModelGroup } from './group-model.ts';

/** Two groups on two numbers. */
const NUMBERS = [21, 22] as const;
const COMMON = 1;

export interface GroupFigures {
  letters: number;
  changes: number;
  predicted: number;
  refused: number;
}

interface Request {
  readonly type: number;
  readonly body: object | string;
}

/** One run of the real relay with groups against the model. Every rule that is broken is an AssertionError. */
export class GroupRun {
  readonly figures: GroupFigures = { letters: 0, changes: 0, predicted: 0, refused: 0 };
  readonly #steps: readonly GroupStep[];
  readonly #clock = new Scheduler();
  readonly #disk = new SimulatedDisk(this.#clock);
  readonly #random = seededRandom('group model');
  readonly #model = new GroupModel();
  readonly #names = Array.from({ length: GROUP_DEVICES }, (_, index) => `device-${index}`);
  readonly #clients = new Map<string, TestClient>();
  #world: RelayWorld | undefined;
  #messages = 0;

  constructor(steps: readonly GroupStep[]) {
    this.#steps = steps;
  }

  async run(): Promise<GroupFigures> {
    await this.#boot();
    for (const client of this.#clients.values()) await client.join(COMMON, this.#names);
    await this.#begin();
    let quiet = true;
    for (const step of this.#steps) {
      if (step.do === 'crash') {
        this.#world?.cut();
        this.#disk.crash();
        await this.#boot();
        quiet = true;
      } else if (step.do === 'restart') {
        await this.#settle();
        await this.#world?.[Symbol.asyncDispose]();
        this.#world?.cut();
        await this.#boot();
        quiet = true;
      } else {
        await this.#act(step, quiet);
        quiet = step.wait;
      }
    }
    await this.#settle();
    this.figures.letters = this.#model.letters.length;
    this.figures.changes = this.#disk.history.filter(({ stream }) => STREAMS.group.has(stream)).length;
    return this.figures;
  }

  /** The first group begins with everybody in it, one of them as an admin. */
  async #begin(): Promise<void> {
    const group_id = 'g-0';
    for (const [index, name] of this.#names.entries()) {
      const client = this.#clients.get(name) ?? assert.fail(name);
      const roles = { [this.#names[1] ?? '']: 'admin' };
      const created = { group_id, members: this.#names, roles };
      client.post(
        index === 0 ? FRAME.GROUP_CREATE : FRAME.JOIN,
        NUMBERS[0],
        index === 0 ? created : { group_id },
      );
      await this.#settle();
    }
    assert.equal(this.#model.groups.get('g-0')?.members.size, GROUP_DEVICES);
  }

  async #boot(): Promise<void> {
    this.#clients.clear();
    this.#world = await RelayWorld.start({
      log: this.#disk.open(),
      clock: this.#clock,
      random: this.#random,
    });
    for (const name of this.#names) {
      this.#clients.set(name, await this.#world.connect(name, { capabilities: [] }));
    }
    await this.#settle();
  }

  async #settle(): Promise<void> {
    this.#disk.resetReads();
    await this.#clock.settle();
    this.#model.follow(this.#disk.history);
    assert.deepEqual(this.#world?.failures, []);
  }

  async #act(step: Extract<GroupStep, { do: 'act' }>, quiet: boolean): Promise<void> {
    const device = this.#names[step.device] ?? '';
    const number = NUMBERS[step.group] ?? 0;
    const id = `g-${step.group}`;
    if (step.action.do === 'reconnect') {
      await this.#clients.get(device)?.leave();
      const client = await this.#world?.connect(device, { capabilities: [] });
      this.#clients.set(device, client ?? assert.fail('no world'));
      await this.#settle();
      return;
    }
    const client = this.#clients.get(device) ?? assert.fail(device);
    const { type, body } = this.#request(step.action, id);
    const expected = quiet && step.wait ? this.#predict(step.action, device, id) : undefined;
    const letters = this.#model.letters.length;
    const sequence = client.post(type, number, body);
    if (!step.wait) return;
    await this.#settle();
    const answer = client.frames.find(
      (frame) => (frame.type === FRAME.ACK || frame.type === FRAME.ERROR) && frame.json?.ack === sequence,
    );
    assert.ok(answer !== undefined, `${device}: ${JSON.stringify(body)} is answered`);
    if (expected !== undefined) {
      const told = answer.type === FRAME.ERROR ? answer.json.error : 'ACK';
      assert.equal(told, expected, `${device} ${step.action.do} ${id}: ${JSON.stringify(body)}`);
      this.figures.predicted += 1;
      this.figures.refused += told === 'ACK' ? 0 : 1;
      if (told === 'ACK' && step.action.do === 'say') this.#judgeLetter(letters, device);
    }
  }

  /** What was said at rest went to all who had joined, and to nobody else. */
  #judgeLetter(before: number, device: string): void {
    const [letter, ...more] = this.#model.letters.slice(before);
    assert.deepEqual(more, []);
    assert.equal(letter?.sender, device);
    assert.deepEqual(
      [...(letter?.recipients ?? [])].sort(),
      letter?.joined.filter((one) => one !== device).sort(),
    );
  }

  #request(action: Exclude<GroupAction, { do: 'reconnect' }>, group_id: string): Request {
    const named = (mask: number) => this.#names.filter((_, index) => (mask & (1 << index)) !== 0);
    switch (action.do) {
      case 'create': {
        const roles = Object.fromEntries(named(action.admins).map((name) => [name, 'admin']));
        return { type: FRAME.GROUP_CREATE, body: { group_id, members: named(action.members), roles } };
      }
      case 'invite':
        return {
          type: FRAME.GROUP_INVITE,
          body: { group_id, device: this.#names[action.target], role: action.role },
        };
      case 'join':
        return { type: FRAME.JOIN, body: { group_id, relay: true } };
      case 'leave':
        return { type: FRAME.LEAVE, body: {} };
      case 'say':
        this.#messages += 1;
        return { type: FRAME.MSG, body: `message ${this.#messages}` };
      case 'quit':
        return { type: FRAME.GROUP_EVENT, body: { type: 'group-member-left', group_id } };
      case 'remove':
        return {
          type: FRAME.GROUP_EVENT,
          body: { type: 'group-member-removed', group_id, device: this.#names[action.target] },
        };
      case 'change':
        return {
          type: FRAME.GROUP_EVENT,
          body: {
            type: 'group-role-changed',
            group_id,
            device: this.#names[action.target],
            role: action.role,
          },
        };
      default:
        return action satisfies never;
    }
  }

  /** The answer that PROTOCOL.md demands; `undefined` where it depends on more than the model knows. */
  #predict(action: GroupAction, device: string, id: string): string | undefined {
    const group = this.#model.groups.get(id);
    if (action.do === 'leave') return 'ACK';
    if (action.do === 'create') {
      // The same request again may be acknowledged.
      return group === undefined
        ? 'ACK'
        : group.members.get(device)?.role === 'owner'
          ? undefined
          : 'group_exists';
    }
    const own = group?.members.get(device);
    if (group === undefined || own === undefined) {
      return action.do === 'say' ? 'unknown_channel' : 'unknown_group';
    }
    if (action.do === 'say') return own.standing === 'joined' ? 'ACK' : 'unknown_channel';
    if (action.do === 'join') return 'ACK';
    if (action.do === 'quit') {
      const others = [...group.members].filter(
        ([name, { standing }]) => name !== device && standing !== 'invited',
      );
      return own.role === 'owner' && others.length > 0 ? 'forbidden' : 'ACK';
    }
    return own.standing === 'joined' ? this.#predictRule(action, device, group) : 'not_a_member';
  }

  #predictRule(action: GroupAction, device: string, group: ModelGroup): string | undefined {
    if (!('target' in action)) return undefined;
    const own = group.members.get(device)?.role ?? 'member';
    const name = this.#names[action.target] ?? '';
    const member = group.members.get(name);
    switch (action.do) {
      case 'invite': {
        const role = action.role === 'owner' ? 'admin' : action.role;
        if (own === 'member') return 'forbidden';
        if (member !== undefined) return member.role === role ? 'ACK' : 'forbidden';
        return role === 'admin' && own !== 'owner' ? 'forbidden' : 'ACK';
      }
      case 'remove':
        if (own === 'member' || name === device) return 'forbidden';
        if (member === undefined) return 'ACK';
        return own === 'owner' || member.role === 'member' ? 'ACK' : 'forbidden';
      case 'change':
        if (own !== 'owner') return 'forbidden';
        if (member === undefined) return 'unknown_device';
        if (member.role === action.role) return 'ACK';
        if (name === device) return 'forbidden';
        return action.role === 'owner' && member.standing === 'invited' ? 'unknown_device' : 'ACK';
    }
  }
}
