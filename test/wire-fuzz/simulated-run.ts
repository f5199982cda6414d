import { chooser, Scheduler } from '../kit/scheduler.ts';
import { seededRandom } from '../kit/seeded-random.ts';
import { type Lane, SimulatedDisk } from '../kit/simulated-disk.ts';
import { turns } from '../kit/waiting.ts';
import { RelayWorld } from '../simulation/relay-world.ts';
import type { Judge } from './broken-promise.ts';
import type { Weather } from './connection.ts';
import type { FuzzDevice } from './device.ts';
import { Ledger } from './ledger.ts';
import { count, noFigures, progress, type RunFigures } from './run-figures.ts';
import { connectSimulated, SimulatedConnection } from './simulated-network.ts';
import { castOf, Stage } from './stage.ts';
import type { Action, Plan, Step } from './steps.ts';
import { Verdict } from './verdict.ts';

/** Seconds, as `RelayWorld` has it. */
const TTL = 3_600;
/** A quarter of what an append may hold, as on a real server. */
const COLLECTED = 16_384;
/** Rounds after which a run that does not come to rest is at fault. */
const MOST_ROUNDS = 50_000;
/** What an append may hold: a segment of the real log, made small so that a run reaches it. */
const MOST_APPENDED = 65_536;
const FULL_MAILBOX = 1_000;

/** Longer than handshakes rest after a write that was refused, in milliseconds. */
const HANDSHAKES_REST = 1_001;

/** One run: the real relay on a simulated clock, disk and network, whose every step is the plan's choice. */
export class SimulatedRun {
  readonly figures: RunFigures = noFigures();
  readonly #plan: Plan;
  readonly #judge: Judge;
  readonly #clock: Scheduler;
  readonly #disk: SimulatedDisk;
  readonly #random = seededRandom('wire fuzz');
  readonly #ledger: Ledger;
  readonly #stage: Stage;
  /** Connections that their devices have given up and the server has not. */
  readonly #abandoned = new Set<SimulatedConnection>();
  readonly #connections = new Map<FuzzDevice, SimulatedConnection>();
  #world: RelayWorld | undefined;
  readonly #begun: number;
  #lifetime = 0;
  /** Refusals of the disk when the last one who was let in had come: handshakes rest after one, until one gets through. */
  #refusalsBefore = 0;
  #roll = chooser(0);
  /** A promise that was broken while nobody waited. */
  #broken: unknown;

  constructor(plan: Plan, judge: Judge) {
    this.#plan = plan;
    this.#clock = new Scheduler({ seed: plan.order });
    this.#disk = new SimulatedDisk(this.#clock, { stepwise: true, appendLimit: MOST_APPENDED });
    this.#begun = this.#clock.now();
    this.#judge = judge;
    this.#ledger = new Ledger(judge, () => this.#clock.now());
    const disk = this.#disk;
    const weather: Weather = {
      now: () => disk.refusals,
      wasRough: (since) => disk.refusals > since || disk.isFailing,
    };
    this.#stage = new Stage(castOf(plan, this.#ledger, weather));
  }

  /** @throws BrokenPromise */
  async run(): Promise<RunFigures> {
    await this.#begin();
    for (const step of this.#plan.steps) await this.#step(step);
    await this.#finish();
    new Verdict(this.#stage.devices, this.#ledger, {
      ttl: TTL * 1_000,
      now: this.#clock.now(),
      mailboxesFill: this.#plan.mailbox < FULL_MAILBOX,
      forgetful: this.figures.crashes > 0,
    }).judge();
    this.figures.storms = this.#disk.refusals;
    return count(this.figures, this.#ledger, this.#stage.devices);
  }

  /** Everybody is in one room and in one group. */
  async #begin(): Promise<void> {
    await this.#boot();
    const { devices, rooms } = this.#stage;
    for (const device of devices) {
      this.#connect(device, true, false);
      await this.#rest();
      for (const room of rooms) device.join(room);
      await this.#rest();
    }
    const [owner] = devices;
    const group = owner === undefined ? undefined : this.#stage.create(owner);
    await this.#rest();
    for (const device of devices) {
      if (group !== undefined) device.join(group);
    }
    await this.#rest();
  }

  async #boot(): Promise<void> {
    this.#lifetime += 1;
    const starting = RelayWorld.start({
      log: this.#disk.open(),
      clock: this.#clock,
      random: this.#random,
      window: this.#plan.window,
      page: this.#plan.page,
      mailbox: { frames: this.#plan.mailbox, bytes: 67_108_864 },
      office: { collected: COLLECTED, collectedPerDevice: COLLECTED },
    });
    // A server that starts may have something to write.
    this.#world = undefined;
    starting.then(
      (world) => {
        this.#world = world;
      },
      (error: unknown) => {
        this.#broken ??= error;
      },
    );
    while (this.#world === undefined) {
      this.#happen();
      await turns(1);
      if (this.#broken !== undefined) throw this.#broken;
    }
  }

  async #step({ action, after, pick }: Step): Promise<void> {
    this.#roll = chooser(pick);
    await this.#act(action);
    if (after === 'rest') {
      await this.#rest();
      return;
    }
    for (let left = after; left > 0 && this.#happen(); left -= 1) {
      await turns(1);
      this.#absorb();
    }
  }

  async #act(action: Action): Promise<void> {
    switch (action.do) {
      case 'refuse':
        this.#disk.refuse(action.lane);
        return;
      case 'fail':
        this.#disk.fail(action.lane);
        return;
      case 'heal':
        this.#disk.heal();
        return;
      case 'crash':
        return this.#crash();
      case 'restart':
        return this.#restart();
      case 'pass':
        await this.#clock.advance(action.milliseconds);
        return;
      default:
        this.#actOf(action);
    }
  }

  #actOf(action: Extract<Action, { device: number }>): void {
    const device = this.#stage.devices[action.device];
    if (device === undefined) return;
    if (action.do === 'connect') {
      this.#connect(device, action.confirmAtOnce, action.slow);
      return;
    }
    const connection = this.#connections.get(device);
    if (connection === undefined) return;
    switch (action.do) {
      case 'send':
        this.#stage.send(device, action);
        break;
      case 'group':
        this.#stage.group(device, action);
        break;
      case 'abandon':
        this.#abandon(device, connection);
        break;
      case 'break':
        this.#abandon(device, connection);
        this.#abandoned.delete(connection);
        connection.close();
        break;
      case 'again':
        if (device.resumes) device.sendAgain();
        break;
      case 'listen':
        connection.listen();
        break;
      case 'confirm':
        if (device.confirms && device.processed > action.back) device.confirm(device.processed - action.back);
        break;
      default:
        action satisfies never;
    }
  }

  #connect(device: FuzzDevice, confirmAtOnce: boolean, slow: boolean): void {
    const world = this.#world;
    if (world === undefined || device.connecting) return;
    const older = this.#connections.get(device);
    if (older !== undefined) this.#abandon(device, older);
    const lifetime = this.#lifetime;
    const refusals = this.#disk.refusals;
    device.connecting = true;
    const connected = connectSimulated(world, device.name, device.capabilities, (client) => {
      if (lifetime !== this.#lifetime) return;
      this.figures.connections += 1;
      this.#refusalsBefore = refusals;
      device.connecting = false;
      const connection = new SimulatedConnection(client, slow);
      this.#connections.set(device, connection);
      this.#watch(() => device.begin(connection, confirmAtOnce));
    });
    void connected.then((refusal) => {
      if (refusal === undefined || lifetime !== this.#lifetime) return;
      device.connecting = false;
      const isStorm = this.#disk.refusals > this.#refusalsBefore || this.#disk.isFailing;
      this.#watch(() => this.#judge.demand(isStorm, 'calm', () => `${device.name} is refused: ${refusal}`));
    });
  }

  #watch(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#broken ??= error;
    }
  }

  #abandon(device: FuzzDevice, connection: SimulatedConnection): void {
    device.absorb();
    connection.abandon();
    this.#connections.delete(device);
    this.#abandoned.add(connection);
    if (device.connection !== undefined) device.end();
  }

  async #crash(): Promise<void> {
    this.figures.crashes += 1;
    this.#absorb();
    this.#world?.cut();
    this.#disk.crash();
    this.#disk.heal();
    this.#forgetConnections();
    await this.#boot();
  }

  async #restart(): Promise<void> {
    this.#disk.heal();
    await this.#rest();
    for (const [device, connection] of this.#connections) this.#abandon(device, connection);
    for (const connection of this.#abandoned) connection.close();
    await this.#rest();
    const stopped = this.#world?.[Symbol.asyncDispose]();
    await this.#rest();
    await stopped;
    this.#world?.cut();
    this.#forgetConnections();
    await this.#boot();
  }

  #forgetConnections(): void {
    this.#connections.clear();
    this.#abandoned.clear();
    for (const device of this.#stage.devices) {
      device.connecting = false;
      if (device.connection !== undefined) device.end();
    }
  }

  #absorb(): void {
    if (this.#broken !== undefined) throw this.#broken;
    for (const device of this.#stage.devices) {
      device.absorb();
      if (device.connection === undefined) this.#connections.delete(device);
    }
  }

  /** One of the things that wait happens. False when nothing waits. */
  #happen(): boolean {
    const possible: (() => void)[] = this.#disk.busy.map((lane: Lane) => () => this.#disk.step(lane));
    for (const connection of [...this.#connections.values(), ...this.#abandoned]) {
      if (connection.canArrive) possible.push(() => connection.arrive(1 + this.#roll(8)));
      if (connection.canTake) possible.push(() => connection.take(this.#roll(4) === 0));
    }
    possible[this.#roll(possible.length)]?.();
    return possible.length > 0;
  }

  /** Everything that waits happens, and what it causes, until nothing is left. */
  async #rest(): Promise<void> {
    let idle = 0;
    for (let round = 0; idle < 3; round += 1) {
      idle = this.#happen() ? 0 : idle + 1;
      await turns(idle === 0 ? 1 : 4);
      this.#absorb();
      this.#judge.demand(round < MOST_ROUNDS, 'session', () => 'the server does not come to rest');
    }
    for (const room of this.#stage.rooms) room.rest();
  }

  /** Everybody comes back, takes and confirms everything, until nothing happens any more. */
  async #finish(): Promise<void> {
    this.#disk.heal();
    await this.#rest();
    for (let last = -1, calm = 0; calm < 2; ) {
      await this.#clock.advance(HANDSHAKES_REST);
      for (const device of this.#stage.devices) {
        if (device.connection === undefined) this.#connect(device, true, false);
        this.#connections.get(device)?.listen();
      }
      await this.#rest();
      for (const device of this.#stage.devices) {
        if (device.confirms) device.confirm(device.processed);
      }
      await this.#rest();
      const sum = progress(this.#stage.devices);
      calm = sum === last ? calm + 1 : 0;
      last = sum;
    }
    for (const device of this.#stage.devices) {
      const { name, connection, waiting } = device;
      this.#judge.demand(connection !== undefined, 'session', () => `${name} does not get in`);
      this.#judge.demand(waiting === 0, 'answer', () => `${name} waits for ${waiting} answers`);
    }
    await this.#comeBackOnceMore();
  }

  /** The next handshake tells how many frames there were: a device that has fewer has lost some. */
  async #comeBackOnceMore(): Promise<void> {
    for (const device of this.#stage.devices) {
      this.#connect(device, true, false);
      await this.#rest();
      device.noteTail(this.#clock.now() - this.#begun >= TTL * 1_000);
    }
  }
}
