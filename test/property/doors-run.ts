import assert from 'node:assert/strict';
import { toHex } from '../../src/protocol/bytes.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { systemClock } from '../../src/system/index.ts';
import { startTestServer, type TestServer } from '../integration/client-support.ts';
import { DOORS, type Door } from '../kit/doors.ts';
import { SimulatedDisk } from '../kit/simulated-disk.ts';
import { pause, until, within } from '../kit/waiting.ts';
import { DOOR_DEVICES, type DoorCommand, type DoorPlan, GROUP_CHANNEL } from './doors-commands.ts';
import {
  type DoorFigures,
  type DoorsEvidence,
  DoorsVerdict,
  dueLetters,
  postedLetters,
  type Sent,
} from './doors-verdict.ts';
import { ModelDevice, type Upstream, type Watcher } from './model-device.ts';
import { WireModelClient } from './wire-model-client.ts';

type Device = ModelDevice<WireModelClient>;

const GROUP = 'the-group';
const DEADLINE_MS = 20_000;

/** One run of a whole server against the model, its devices on real sockets through random doors. */
export class DoorsRun implements Watcher {
  readonly figures: DoorFigures = {
    letters: 0,
    deliveries: 0,
    repetitions: 0,
    groupLetters: 0,
    connections: 0,
    restarts: 0,
  };
  readonly #plan: DoorPlan;
  readonly #disk = new SimulatedDisk(systemClock);
  readonly #devices: readonly Device[];
  readonly #sent = new Map<string, Sent>();
  /** A connection of theirs was cut: what was on its way may be lost to those who do not confirm. */
  readonly #cut = new Set<string>();
  /** Who was to leave the group, and the position of the log at which that was asked for. */
  readonly #withdrawals: { readonly device: string; readonly from: number }[] = [];
  #server: TestServer | undefined;
  #messages = 0;

  constructor(plan: DoorPlan) {
    this.#plan = plan;
    this.#devices = Array.from({ length: DOOR_DEVICES }, (_, index) => {
      const kind = {
        confirms: index !== 2 && index !== 4,
        resumes: index !== 3 && index !== 4,
        eager: (plan.eager & (1 << index)) !== 0,
        start: 0,
      };
      return new ModelDevice<WireModelClient>(`device-${index}`, kind);
    });
  }

  async run(): Promise<DoorFigures> {
    const server = await startTestServer(['server.auto_approve_devices=true'], this.#disk.open());
    this.#server = server;
    try {
      await this.#begin();
      for (const command of this.#plan.commands) {
        await this.#execute(command);
        this.#absorb();
      }
      await this.#finish();
      new DoorsVerdict(this.#evidence, this.figures).judge();
    } finally {
      for (const { client } of this.#devices) client?.drop();
      await server.close();
    }
    return this.figures;
  }

  acknowledged(device: { readonly name: string }, upstream: Upstream): void {
    const isDurable = postedLetters(this.#disk.history).some(({ id }) => id === upstream.id);
    assert.ok(isDurable, `${device.name}: ${upstream.id} is acknowledged and not durable`);
  }

  live(): void {
    assert.fail('nobody types here');
  }

  get #evidence(): DoorsEvidence {
    return {
      history: this.#disk.history,
      devices: this.#devices,
      sent: this.#sent,
      cut: this.#cut,
      withdrawals: this.#withdrawals,
    };
  }

  async #begin(): Promise<void> {
    for (const [index, device] of this.#devices.entries()) {
      await this.#connect(device, this.#plan.doors[index] ?? 0);
    }
    const members = this.#devices.map(({ name }) => name);
    for (const device of this.#devices) this.#join(device, 1, members);
    const [owner, ...others] = this.#devices;
    if (owner !== undefined) this.#group({ device: 0, do: 'createGroup' }, owner);
    await this.#until(() => this.#groupHistory('group.created') > 0);
    for (const device of others) this.#group({ device: 0, do: 'enterGroup' }, device);
    const hasJoined = (): boolean => this.#groupHistory('group.member_joined') >= others.length;
    await this.#until(hasJoined);
  }

  #groupHistory(type: string): number {
    return this.#disk.history.filter((event) => event.type === type).length;
  }

  async #until(done: () => boolean): Promise<void> {
    await until(done, 'the group', within(DEADLINE_MS));
  }

  async #connect(device: Device, door: number, confirmAtOnce = false): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    if (device.client !== undefined) {
      // Its older session will be replaced; what reached it came before.
      device.client.drop();
      this.#take(device);
      this.#cut.add(device.name);
      device.client = undefined;
    }
    const { port, ca, domain } = server;
    const address = { port, ca, domain, noisePublic: toHex(server.noisePublic) };
    const way: Door = DOORS[door % DOORS.length] ?? assert.fail('no door');
    const client = await WireModelClient.connect(address, device.name, way, device.capabilities);
    this.figures.connections += 1;
    device.begin(client, confirmAtOnce);
  }

  #join(device: Device, channel: number, members: readonly string[]): void {
    device.wanted.set(channel, members);
    device.client?.post(FRAME.JOIN, channel, { members }, device.nextSequence());
  }

  #send(device: Device, channel: number, size: number, lost = false): void {
    this.#messages += 1;
    const id = `${device.name}#${this.#messages}`;
    const body = `${id}|${'x'.repeat(size)}`;
    this.#sent.set(id, { device: device.name, channel, body, from: this.#disk.memory.headPosition });
    device.send(FRAME.MSG, channel, id, body, lost);
  }

  #device(index: number): Device {
    return this.#devices[index] ?? assert.fail(`no device ${index}`);
  }

  async #execute(command: DoorCommand): Promise<void> {
    const device = this.#device(command.device);
    switch (command.do) {
      case 'connect':
        await this.#connect(device, command.door, command.confirmAtOnce);
        break;
      case 'wait':
        await pause(command.milliseconds);
        break;
      case 'restart':
        await this.#restart();
        break;
      case 'logOut':
        await device.client?.logOut();
        this.#drop(device);
        break;
      default:
        // Most who are offline have nothing to say; the others come back by the next door.
        if (device.client === undefined && command.do === 'send') await this.#connect(device, this.#messages);
        if (device.client !== undefined) this.#act(command, device);
    }
  }

  #act(command: DoorCommand, device: Device): void {
    switch (command.do) {
      case 'drop':
        this.#drop(device);
        break;
      case 'sendAndLose':
        this.#send(device, command.channel, 0);
        this.#send(device, command.channel, 0, true);
        this.#drop(device);
        break;
      case 'send':
        for (let left = command.count; left > 0; left--) this.#send(device, command.channel, command.size);
        break;
      case 'sendAgain':
        if (device.resumes) device.sendAgain();
        break;
      case 'confirm':
        if (device.confirms) device.confirm(Math.max(0, device.processed - command.back));
        break;
      case 'join':
        this.#join(device, command.channel, this.#named(command.named));
        break;
      case 'leave':
        device.wanted.delete(command.channel);
        device.client?.post(FRAME.LEAVE, command.channel, {}, device.nextSequence());
        break;
      default:
        this.#group(command, device);
    }
  }

  /** One frame on the number of the group. Whether it is allowed is the server's decision; its effect stands in the log. */
  #group(command: DoorCommand, device: Device): void {
    const post = (type: number, body: object): void =>
      device.client?.post(
        type,
        GROUP_CHANNEL,
        { group_id: GROUP, ...body, note: this.#nextNote() },
        device.nextSequence(),
      );
    switch (command.do) {
      case 'createGroup':
        post(FRAME.GROUP_CREATE, { members: this.#named(2 ** DOOR_DEVICES - 1) });
        break;
      case 'enterGroup':
        post(FRAME.JOIN, {});
        break;
      case 'pauseGroup':
        post(FRAME.LEAVE, {});
        break;
      case 'leaveGroup':
        this.#withdrawals.push({ device: device.name, from: this.#disk.memory.headPosition });
        post(FRAME.GROUP_EVENT, { type: 'group-member-left' });
        break;
      case 'invite': {
        const role = command.admin ? 'admin' : 'member';
        post(FRAME.GROUP_INVITE, { device: this.#device(command.other).name, role });
        break;
      }
      case 'remove': {
        const other = this.#device(command.other).name;
        this.#withdrawals.push({ device: other, from: this.#disk.memory.headPosition });
        post(FRAME.GROUP_EVENT, { type: 'group-member-removed', device: other });
        break;
      }
    }
  }

  /** Makes each document one of its kind; the server does not read it. */
  #nextNote(): number {
    this.#messages += 1;
    return this.#messages;
  }

  #named(mask: number): string[] {
    return this.#devices.filter((_, index) => (mask & (1 << index)) !== 0).map(({ name }) => name);
  }

  #drop(device: Device): void {
    this.#take(device);
    device.client?.drop();
    device.client = undefined;
    this.#cut.add(device.name);
  }

  async #restart(): Promise<void> {
    this.figures.restarts += 1;
    await this.#server?.stop();
    for (const device of this.#devices) this.#drop(device);
    await this.#server?.start();
  }

  #take(device: Device): void {
    device.client?.poll();
    device.absorb(this);
    if (device.cutOff) this.#cut.add(device.name);
  }

  #absorb(): void {
    for (const device of this.#devices) this.#take(device);
  }

  /** Everybody comes back and confirms, until all that is due has come. */
  async #finish(): Promise<void> {
    const end = performance.now() + DEADLINE_MS;
    for (;;) {
      for (const device of this.#devices) {
        if (device.client === undefined) await this.#connect(device, this.#messages, true);
      }
      await pause(20);
      this.#absorb();
      for (const device of this.#devices) {
        if (device.confirms) device.confirm(device.processed);
      }
      const isDone = this.#devices.every((device) => this.#isComplete(device));
      if (isDone || performance.now() > end) return;
    }
  }

  #isComplete(device: Device): boolean {
    if (device.client === undefined || device.unanswered.length > 0) return false;
    const due = dueLetters(postedLetters(this.#disk.history), device.name).length;
    return device.confirms
      ? device.processedFrames.size >= due
      : device.arrivals.length >= due || this.#cut.has(device.name);
  }
}
