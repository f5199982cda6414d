import type { RelayServer } from '../servers.ts';
import { inLanes } from './lanes.ts';
import { Pair, type PairOptions } from './pair.ts';

export interface RelayShape extends PairOptions {
  readonly pairs: number;
  /** Messages of each sender that are not acknowledged. */
  readonly window: number;
}

/** Senders that keep their windows full. */
export class RelayLoad {
  readonly #pairs: readonly Pair[];
  #running = true;
  #drained: (() => void) | undefined;

  constructor(pairs: readonly Pair[], window: number) {
    this.#pairs = pairs;
    for (const pair of pairs) this.#run(pair, window);
  }

  static async start(server: RelayServer, shape: RelayShape): Promise<RelayLoad> {
    return new RelayLoad(await inLanes(shape.pairs, () => Pair.open(server, shape)), shape.window);
  }

  /** Messages that their recipients have. */
  get received(): number {
    return this.#pairs.reduce((sum, pair) => sum + pair.received, 0);
  }

  /** Lets what is on its way arrive: the load has lost nothing when this resolves. */
  async stop(): Promise<void> {
    this.#running = false;
    if (!this.#allArrived()) await new Promise<void>((resolve) => (this.#drained = resolve));
    await Promise.all(this.#pairs.map((pair) => pair.close()));
  }

  #run(pair: Pair, window: number): void {
    pair.onAcknowledged = (count) => {
      if (this.#running) pair.send(count);
      else this.#settle();
    };
    pair.onMessage = () => {
      if (!this.#running) this.#settle();
    };
    pair.send(window);
  }

  #settle(): void {
    if (this.#allArrived()) this.#drained?.();
  }

  #allArrived(): boolean {
    return this.#pairs.every((pair) => pair.outstanding === 0);
  }
}
