import assert from 'node:assert/strict';
import { STREAMS } from '../../src/events/streams.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { LogError } from '../../src/log/log-error.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { serialNext } from '../../src/protocol/serial.ts';
import { Scheduler } from '../kit/scheduler.ts';
import { seededRandom } from '../kit/seeded-random.ts';
import { SimulatedDisk } from '../kit/simulated-disk.ts';
import { RelayWorld } from '../simulation/relay-world.ts';
import type { SeenFrame, TestClient } from '../simulation/test-client.ts';
import { type AnyDevice, ModelDevice, type Upstream, type Watcher } from './model-device.ts';
import { type Command, DEVICES, type Plan } from './relay-commands.ts';
import { claimOfJoin, claimOfSend, RelayHistory } from './relay-history.ts';
import { idOf, noFigures, RelayVerdict, type RunFigures, type Sent } from './relay-verdict.ts';

/** Shortly before the counters wrap. */
const NEAR_WRAP = 0xffff_fffa;

/** One run of the real relay against the model. Every promise that is broken is an AssertionError. */
export class RelayRun implements Watcher {
  readonly figures = noFigures();
  readonly #plan: Plan;
  readonly #clock: Scheduler;
  readonly #disk: SimulatedDisk;
  readonly #random = seededRandom('relay model');
  readonly #devices: readonly ModelDevice[];
  readonly #start: number;
  readonly #sent = new Map<string, Sent>();
  readonly #history: RelayHistory;
  readonly #liveArrivals: { readonly device: string; readonly id: string; readonly place: number }[] = [];
  #world: RelayWorld | undefined;
  #lifetime = 0;
  #messages = 0;
  /** Place in history at the last moment at which nothing was on its way. */
  #quietAt = 0;
  #quiet = false;
  /** The disk holds or refuses, for so many commands more. */
  #disturbance: { commands: number; readonly end: () => void } | undefined;
  /** A promise that was broken while nobody waited. */
  #broken: unknown;
  /** Something may have come twice to devices that do not confirm. */
  #forgot = false;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#clock = new Scheduler({ seed: plan.order });
    this.#disk = new SimulatedDisk(this.#clock);
    this.#history = new RelayHistory(this.#disk.history);
    this.#start = plan.wrap ? NEAR_WRAP : 0;
    this.#devices = Array.from({ length: DEVICES }, (_, index) => {
      const kind = {
        confirms: index !== 2 && index !== 4,
        resumes: index !== 3 && index !== 4,
        eager: (plan.eager & (1 << index)) !== 0,
        start: this.#start,
      };
      return new ModelDevice(`device-${index}`, kind);
    });
  }

  async run(): Promise<RunFigures> {
    await this.#begin();
    for (const command of this.#plan.commands) {
      const claim = this.#claim(command);
      await this.#execute(command);
      this.#endDisturbance();
      this.#quiet = false;
      if (command.wait) {
        await this.#settle();
        claim?.();
      }
    }
    await this.#finish();
    const { figures } = this;
    new RelayVerdict({
      devices: this.#devices,
      sent: this.#sent,
      posted: this.#history.posted,
      durable: this.#history.durable,
      liveArrivals: this.#liveArrivals,
      history: this.#disk.history,
      start: this.#start,
      now: this.#clock.now(),
      forgot: this.#forgot,
      figures,
    }).judge();
    assert.equal(this.#world?.running.figures().storedLetters, 0, 'nothing is stored that everybody has');
    return this.figures;
  }

  acknowledged(device: AnyDevice, upstream: Upstream): void {
    this.#history.follow();
    assert.ok(
      this.#history.durable.has(upstream.id),
      `${device.name}: ${upstream.id} is acknowledged and not durable`,
    );
  }

  live(device: AnyDevice, frame: SeenFrame): void {
    const place = this.#disk.history.length;
    this.#liveArrivals.push({ device: device.name, id: idOf(frame.text), place });
  }

  /** Counters belong to devices that have been here: whoever is new cannot have any. */
  async #register(log: EventLog): Promise<void> {
    await using server = await RelayWorld.start({ clock: this.#clock, log });
    for (const { name } of this.#devices) {
      const client = await server.connect(name);
      await client.leave();
    }
  }

  async #begin(): Promise<void> {
    const log = this.#disk.open();
    if (this.#start !== 0) {
      await this.#register(log);
      const counters = {
        confirmed: this.#start,
        next: serialNext(this.#start),
        received: this.#start,
        refused: [],
        missed: 0,
        expired: undefined,
      };
      await log.append(this.#devices.map(({ name }) => STREAMS.inbox.append(name, 'any', [counters])));
    }
    await this.#boot();
    const everybody = this.#devices.map(({ name }) => name);
    for (const device of this.#devices) {
      this.#connect(device, false);
      await this.#settle();
      this.#join(device, 1, everybody);
      await this.#settle();
    }
  }

  async #boot(): Promise<void> {
    this.#lifetime += 1;
    this.#world = await RelayWorld.start({
      log: this.#disk.open(),
      clock: this.#clock,
      random: this.#random,
      window: this.#plan.window,
      page: this.#plan.page,
    });
  }

  async #settle(): Promise<void> {
    this.#disk.resetReads();
    await this.#clock.settle();
    this.#absorb();
    // Confirmations and their effects.
    await this.#clock.settle();
    this.#absorb();
    this.#quietAt = this.#disk.history.length;
    this.#quiet = this.#disk.calm;
  }

  #absorb(): void {
    if (this.#broken !== undefined) throw this.#broken;
    this.#history.follow();
    for (const device of this.#devices) device.absorb(this);
    for (const failure of this.#world?.failures.splice(0) ?? []) {
      assert.ok(failure instanceof LogError, `unexpected failure: ${(failure as Error)?.stack}`);
      this.figures.refused += 1;
    }
  }

  #connect(device: ModelDevice, confirmAtOnce: boolean): void {
    const world = this.#world;
    if (device.connecting || world === undefined) return;
    const lifetime = this.#lifetime;
    device.connecting = true;
    const begun = (client: TestClient): void => {
      if (lifetime === this.#lifetime) {
        if (device.client !== undefined) {
          this.figures.replaced += 1;
          // What the older connection still got came before.
          device.absorb(this);
        }
        device.connecting = false;
        device.begin(client, confirmAtOnce);
      }
    };
    world.connect(device.name, { capabilities: device.capabilities, begun }).catch((error: unknown) => {
      if (lifetime === this.#lifetime) {
        device.connecting = false;
        if (!String(error).startsWith('Error: storage failure')) this.#broken ??= error;
      }
    });
  }

  #join(device: ModelDevice, channel: number, members: readonly string[]): void {
    device.wanted.set(channel, members);
    device.client?.post(FRAME.JOIN, channel, { members }, device.nextSequence());
  }

  #send(device: ModelDevice, channel: number, size: number, type: number, lost = false): string {
    this.#messages += 1;
    const id = `${device.name}#${this.#messages}`;
    const words = `${id}|${'x'.repeat(size)}`;
    const body = type === FRAME.MSG ? words : JSON.stringify(words);
    this.#sent.set(id, { device: device.name, channel, type, body, from: this.#quietAt });
    device.send(type, channel, id, body, lost);
    return id;
  }

  #named(mask: number): string[] {
    return this.#devices.filter((_, index) => (mask & (1 << index)) !== 0).map(({ name }) => name);
  }

  #endDisturbance(): void {
    if (this.#disturbance !== undefined) {
      this.#disturbance.commands -= 1;
      if (this.#disturbance.commands < 0) {
        this.#disturbance.end();
        this.#disturbance = undefined;
      }
    }
  }

  #device(index: number): ModelDevice {
    return this.#devices[index] ?? assert.fail(`no device ${index}`);
  }

  async #execute(command: Command): Promise<void> {
    switch (command.do) {
      case 'pass':
        this.#disk.resetReads();
        await this.#clock.advance(command.milliseconds);
        return;
      case 'hold':
        this.#disturbance?.end();
        this.#disk.hold(command.what);
        this.#disturbance = { commands: command.commands, end: () => this.#disk.release(command.refusing) };
        return;
      case 'fail':
        this.#disturbance?.end();
        this.#disk.fail();
        this.#disturbance = { commands: command.commands, end: () => this.#disk.heal() };
        return;
      case 'crash':
        await this.#crash();
        return;
      case 'restart':
        await this.#restart();
        return;
      case 'connect':
        this.#connect(this.#device(command.device), command.confirmAtOnce);
        return;
      default:
        await this.#act(command, this.#device(command.device));
    }
  }

  async #act(command: Extract<Command, { device: number }>, device: ModelDevice): Promise<void> {
    const { client } = device;
    if (client === undefined) return;
    switch (command.do) {
      case 'drop':
        await this.#drop(device, command.clean);
        break;
      case 'join':
        this.#join(device, command.channel, this.#named(command.named));
        break;
      case 'joinAndSend':
        this.#join(device, command.channel, this.#named(command.named));
        this.#send(device, command.channel, 0, FRAME.MSG);
        this.#send(device, command.channel, 0, FRAME.MSG);
        break;
      case 'leave':
        device.wanted.delete(command.channel);
        client.post(FRAME.LEAVE, command.channel, {}, device.nextSequence());
        break;
      case 'send':
        for (let index = 0; index < command.count; index += 1) {
          this.#send(device, command.channel, command.size, FRAME_OF[command.type]);
        }
        break;
      case 'sendAndLose':
        for (let index = 0; index < 3; index += 1) {
          this.#send(device, command.channel, 0, FRAME.MSG, index >= command.reached);
        }
        await this.#drop(device, false);
        break;
      case 'sendAgain':
        if (device.resumes) device.sendAgain();
        break;
      case 'confirm':
        if (device.confirms) device.confirm((device.processed - command.back) >>> 0);
        break;
      case 'deaf':
        client.deaf = true;
        break;
      case 'carry':
        client.carry();
        break;
      case 'takeOne':
        client.takeOne();
        break;
      case 'listen':
        await client.listen();
        break;
    }
  }

  async #drop(device: ModelDevice, clean: boolean): Promise<void> {
    const { client } = device;
    if (clean) await client?.listen();
    device.absorb(this);
    // The older session of a device may have been replaced meanwhile.
    if (device.client === client) device.client = undefined;
    await client?.leave('connection_lost');
  }

  async #crash(): Promise<void> {
    this.figures.crashes += 1;
    this.#forgot = true;
    this.#absorb();
    this.#world?.cut();
    this.#disk.crash();
    this.#forgetConnections();
    await this.#boot();
  }

  async #restart(): Promise<void> {
    this.figures.restarts += 1;
    this.#disk.heal();
    this.#disk.release();
    await this.#settle();
    for (const device of this.#devices) await this.#drop(device, false);
    await this.#world?.[Symbol.asyncDispose]();
    this.#absorb();
    this.#world?.cut();
    this.#forgetConnections();
    await this.#boot();
  }

  #forgetConnections(): void {
    for (const device of this.#devices) {
      device.client = undefined;
      device.connecting = false;
    }
  }

  /** What must be true after this command when nothing disturbs it. */
  #claim(command: Command): (() => void) | undefined {
    if (!this.#quiet || !command.wait || !('device' in command)) return undefined;
    const device = this.#device(command.device);
    const { client } = device;
    if (client === undefined || client.deaf || device.connecting || device.unanswered.length > 0) {
      return undefined;
    }
    if (command.do === 'join') {
      return claimOfJoin(this.#history, device, command.channel, this.#named(command.named));
    }
    if (command.do === 'send' && command.size === 0 && command.type !== 'typing') {
      return claimOfSend(this.#history, device, command.channel, command.count);
    }
    return undefined;
  }

  /** Everybody comes back, takes and confirms everything, until nothing happens any more. */
  async #finish(): Promise<void> {
    this.#disk.heal();
    this.#disk.release();
    await this.#settle();
    for (let round = 0; round < 3; round += 1) {
      // Handshakes rest for a second after a write that was refused; then the first one tries for all.
      await this.#clock.advance(1_000);
      for (const device of this.#devices) {
        if (device.client === undefined) this.#connect(device, true);
      }
      await this.#settle();
      for (const device of this.#devices) await device.client?.listen();
      await this.#settle();
    }
    for (let last = -1; last !== this.#received(); ) {
      last = this.#received();
      for (const device of this.#devices) {
        if (device.confirms) device.confirm(device.processed);
      }
      await this.#settle();
    }
    await this.#clock.advance(1_000);
    await this.#settle();
    for (const device of this.#devices) assert.ok(device.client !== undefined, `${device.name} is connected`);
  }

  #received(): number {
    return this.#devices.reduce((sum, { processedFrames, arrivals }) => {
      return sum + processedFrames.size + arrivals.length;
    }, 0);
  }
}

const FRAME_OF = { msg: FRAME.MSG, key_update: FRAME.KEY_UPDATE, typing: FRAME.TYPING } as const;
