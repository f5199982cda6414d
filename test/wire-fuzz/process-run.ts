import { pause } from '../kit/waiting.ts';
import type { Judge } from './broken-promise.ts';
import type { FuzzDevice } from './device.ts';
import { Ledger } from './ledger.ts';
import { ProcessConnection } from './process-network.ts';
import { ProcessServer, SMALL_MAILBOX } from './process-server.ts';
import { count, noFigures, progress, type RunFigures } from './run-figures.ts';
import { castOf, Stage } from './stage.ts';
import type { Action, Plan, Step } from './steps.ts';
import { Verdict } from './verdict.ts';

/** Nothing expires in a run. */
const TTL = 86_400_000;
/** A real server comes to its limits with more bytes than a simulated one. */
const SIZE_FACTOR = 8;
const FROZEN_MS = 400;
const BRIEF_MS = 100;
/** The longest that everybody waits for all answers, in milliseconds. */
const REST_MS = 3_000;
const DEADLINE_MS = 90_000;
const STEP_MS = 2;

/** One run against a real server: sockets, its process killed and stopped, its disk full. */
export class ProcessRun {
  readonly figures: RunFigures = noFigures();
  readonly #plan: Plan;
  readonly #judge: Judge;
  readonly #server: ProcessServer;
  readonly #ledger: Ledger;
  readonly #stage: Stage;
  readonly #connections = new Map<FuzzDevice, ProcessConnection>();
  readonly #abandoned = new Set<ProcessConnection>();
  readonly #connecting = new Set<Promise<void>>();
  #lifetime = 0;
  #broken: unknown;

  private constructor(plan: Plan, judge: Judge, server: ProcessServer) {
    this.#plan = plan;
    this.#judge = judge;
    this.#server = server;
    this.#ledger = new Ledger(judge, () => performance.now());
    this.#stage = new Stage(castOf(plan, this.#ledger, server));
  }

  /** @throws BrokenPromise */
  static async run(plan: Plan, judge: Judge): Promise<RunFigures> {
    await using server = await ProcessServer.start(plan);
    const run = new ProcessRun(plan, judge, server);
    try {
      await run.#run();
    } finally {
      for (const connection of [...run.#connections.values(), ...run.#abandoned]) connection.close();
    }
    return run.figures;
  }

  async #run(): Promise<void> {
    await this.#begin();
    for (const step of this.#plan.steps) await this.#step(step);
    await this.#finish();
    const { devices } = this.#stage;
    new Verdict(devices, this.#ledger, {
      ttl: TTL,
      now: performance.now(),
      mailboxesFill: this.#plan.mailbox < SMALL_MAILBOX,
      forgetful: this.figures.crashes > 0,
    }).judge();
    const damage = await this.#server.examine();
    this.#judge.demand(damage.length === 0, 'session', () => `the log is damaged: ${JSON.stringify(damage)}`);
    count(this.figures, this.#ledger, devices);
  }

  async #begin(): Promise<void> {
    const { devices, rooms } = this.#stage;
    for (const device of devices) {
      await this.#connect(device, true);
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

  async #step({ action, after }: Step): Promise<void> {
    await this.#act(action);
    if (after === 'rest') await this.#rest();
    else if (after > 0) await pause(after * STEP_MS);
    this.#absorb();
  }

  async #act(action: Action): Promise<void> {
    switch (action.do) {
      case 'fail':
        this.#server.fill();
        this.figures.storms += 1;
        return;
      case 'refuse':
        this.#server.fill();
        this.figures.storms += 1;
        await pause(BRIEF_MS);
        this.#server.heal();
        return;
      case 'heal':
        this.#server.heal();
        return;
      case 'crash':
        return this.#restart('kill');
      case 'restart':
        return this.#restart('stop');
      case 'pass':
        this.#server.freeze();
        void pause(FROZEN_MS).then(() => this.#server.thaw());
        return;
      default:
        this.#actOf(action);
    }
  }

  #actOf(action: Extract<Action, { device: number }>): void {
    const device = this.#stage.devices[action.device];
    if (device === undefined) return;
    if (action.do === 'connect') {
      this.#connecting.add(this.#connect(device, action.confirmAtOnce));
      return;
    }
    const connection = this.#connections.get(device);
    if (connection === undefined) return;
    switch (action.do) {
      case 'send':
        this.#stage.send(device, { ...action, size: action.size * SIZE_FACTOR });
        break;
      case 'group':
        this.#stage.group(device, action);
        break;
      case 'abandon':
      case 'break':
        this.#leave(device, connection, action.do);
        break;
      case 'again':
        if (device.resumes) device.sendAgain();
        break;
      case 'listen':
        this.#hesitate(device, connection);
        break;
      case 'confirm':
        if (device.confirms && device.processed > action.back) device.confirm(device.processed - action.back);
        break;
      default:
        action satisfies never;
    }
  }

  /** Reads nothing for a while. Who does not confirm has what its HTTP/2 stack has, and must not lose that. */
  #hesitate(device: FuzzDevice, connection: ProcessConnection): void {
    if (!device.confirms) return;
    connection.pause();
    void pause(FROZEN_MS).then(() => connection.listen());
  }

  async #connect(device: FuzzDevice, confirmAtOnce: boolean): Promise<void> {
    if (device.connecting) return;
    const older = this.#connections.get(device);
    if (older !== undefined) this.#leave(device, older, 'abandon');
    const lifetime = this.#lifetime;
    const since = performance.now();
    device.connecting = true;
    try {
      const connection = await ProcessConnection.open(this.#server.address, device.name, device.capabilities);
      device.connecting = false;
      if (lifetime !== this.#lifetime) {
        connection.close();
        return;
      }
      this.figures.connections += 1;
      this.#connections.set(device, connection);
      this.#watch(() => device.begin(connection, confirmAtOnce));
    } catch (error) {
      device.connecting = false;
      const isCalm = String(error).includes('storage failure') && !this.#server.wasRough(since);
      this.#watch(() => this.#judge.demand(!isCalm, 'calm', () => `${device.name} is refused: ${error}`));
    }
  }

  #watch(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#broken ??= error;
    }
  }

  #leave(device: FuzzDevice, connection: ProcessConnection, how: 'abandon' | 'break'): void {
    device.absorb();
    this.#connections.delete(device);
    if (how === 'abandon' && device.confirms) {
      connection.abandon();
      this.#abandoned.add(connection);
    } else connection.close();
    if (device.connection !== undefined) device.end();
  }

  async #restart(how: 'kill' | 'stop'): Promise<void> {
    this.#absorb();
    if (how === 'kill') this.figures.crashes += 1;
    await Promise.all(this.#connecting);
    await this.#server.restart(how);
    this.#lifetime += 1;
    this.#absorb();
    for (const [device, connection] of this.#connections) this.#leave(device, connection, 'break');
    for (const connection of this.#abandoned) connection.close();
    this.#abandoned.clear();
    // What was on its way has died with the process.
    for (const room of this.#stage.rooms) room.rest();
  }

  #absorb(): void {
    if (this.#broken !== undefined) throw this.#broken;
    const { obituary } = this.#server;
    this.#judge.demand(
      obituary === undefined,
      'session',
      () => `the server has ended by itself: ${obituary}`,
    );
    for (const device of this.#stage.devices) {
      device.absorb();
      if (device.connection === undefined) this.#connections.delete(device);
    }
  }

  /** Waits until every request has its answer. */
  async #rest(most = REST_MS): Promise<void> {
    const end = performance.now() + most;
    do {
      await pause(STEP_MS);
      this.#absorb();
    } while (this.#stage.devices.some(({ waiting }) => waiting > 0) && performance.now() < end);
  }

  /** Everybody comes back, takes and confirms everything, until nothing happens any more. */
  async #finish(): Promise<void> {
    this.#server.thaw();
    this.#server.heal();
    await Promise.all(this.#connecting);
    const end = performance.now() + DEADLINE_MS;
    for (let last = -1, calm = 0; calm < 3; ) {
      for (const device of this.#stage.devices) {
        if (device.connection === undefined) await this.#connect(device, true);
      }
      await this.#rest();
      for (const device of this.#stage.devices) {
        if (device.confirms) device.confirm(device.processed);
      }
      await pause(150);
      await this.#rest();
      const { devices } = this.#stage;
      const sum = progress(devices);
      const isThere = devices.every(({ connection, waiting }) => connection !== undefined && waiting === 0);
      calm = sum === last && isThere ? calm + 1 : 0;
      last = sum;
      this.#judge.demand(performance.now() < end, 'answer', () => 'the server does not come to rest');
    }
    for (const device of this.#stage.devices) {
      await this.#connect(device, true);
      // The server itself may have posted something since: a call that lost its last parties ends.
      do await this.#rest();
      while (device.isBehind && performance.now() < end);
      device.noteTail(false);
    }
  }
}
