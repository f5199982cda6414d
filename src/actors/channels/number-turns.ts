import { SerialQueue } from '../runtime/serial-queue.ts';

/**
 * What a number means for a device changes one request at a time, whether they come from channels or from groups. Where
 * a JOIN can put other devices into a channel, the requests of all devices about one number wait for each other.
 */
export class NumberTurns {
  readonly #queue = new SerialQueue<string>();
  readonly #isShared: boolean;

  /** @param isShared whether a request of one device can change what the number means for another */
  constructor(isShared: boolean) {
    this.#isShared = isShared;
  }

  run<Result>(device: string, number: number, task: () => Promise<Result>): Promise<Result> {
    return this.#queue.run(this.#isShared ? `${number}` : `${number} ${device}`, task);
  }
}
