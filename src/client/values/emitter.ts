/** Called with an event. A promise that it returns is waited for where the event says so. */
type Listener<T> = (event: T) => unknown;

/** Whether all listeners have done their work; a promise of that while one of them still does. */
export type Outcome = boolean | Promise<boolean>;

const NOBODY: readonly Listener<never>[] = [];

/**
 * Typed events with listeners that may be asynchronous. One that throws, or whose promise is rejected, disturbs neither
 * the others nor the caller: its error goes to `failed`.
 */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, readonly Listener<never>[]>();
  readonly #failed: (name: keyof Events, error: unknown) => void;

  constructor(failed: (name: keyof Events, error: unknown) => void) {
    this.#failed = failed;
  }

  /** Adds a listener; the returned function removes it. */
  on<K extends keyof Events>(name: K, listener: Listener<Events[K]>): () => void {
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? NOBODY), listener]);
    return () => this.off(name, listener);
  }

  off<K extends keyof Events>(name: K, listener: Listener<Events[K]>): void {
    const rest = this.#listeners.get(name)?.filter((known) => known !== listener) ?? NOBODY;
    this.#listeners.set(name, rest);
  }

  has(name: keyof Events): boolean {
    return (this.#listeners.get(name)?.length ?? 0) > 0;
  }

  /** Calls all listeners at once, in the order in which they were added. Never throws; the promise is never rejected. */
  emit<K extends keyof Events>(name: K, event: Events[K]): Outcome {
    const listeners = (this.#listeners.get(name) ?? NOBODY) as readonly Listener<Events[K]>[];
    let done = true;
    let running: Promise<boolean>[] | undefined;
    for (const listener of listeners) {
      try {
        const result = listener(event);
        if (!isPromise(result)) continue;
        running ??= [];
        running.push(this.#outcomeOf(name, result));
      } catch (error) {
        done = false;
        this.#failed(name, error);
      }
    }
    if (running === undefined) return done;
    return Promise.all(running).then((outcomes) => done && !outcomes.includes(false));
  }

  async #outcomeOf(name: keyof Events, result: PromiseLike<unknown>): Promise<boolean> {
    try {
      await result;
      return true;
    } catch (error) {
      this.#failed(name, error);
      return false;
    }
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
