/** Runs tasks of one key one after another; tasks of different keys do not wait for each other. */
export class SerialQueue<Key> {
  readonly #tails = new Map<Key, Promise<unknown>>();

  /** Whether a task of this key runs or waits. */
  isBusy(key: Key): boolean {
    return this.#tails.has(key);
  }

  run<Result>(key: Key, task: () => Promise<Result>): Promise<Result> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    // The task's own caller hears of its failure; the next in line only waits for its end.
    const result = before.then(task, task);
    this.#tails.set(key, result);
    const forget = (): void => {
      if (this.#tails.get(key) === result) this.#tails.delete(key);
    };
    result.then(forget, forget);
    return result;
  }
}
