import type { DeviceState, DeviceStore } from './device-store.ts';

/** Saves a device's state: one call of the store at a time, changes that come meanwhile go together into the next. */
export class StateKeeper {
  readonly #store: DeviceStore;
  #state: DeviceState;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(store: DeviceStore, state: DeviceState) {
    this.#store = store;
    this.#state = state;
  }

  get state(): DeviceState {
    return this.#state;
  }

  /** Changes the state. Returns nothing when it is kept already, else a promise that a failing store rejects. */
  update(change: Partial<DeviceState>): Promise<void> | undefined {
    this.#state = { ...this.#state, ...change };
    if (this.#running === undefined) return this.#save();
    this.#next ??= this.#running.then(
      () => this.#follow(),
      () => this.#follow(),
    );
    return this.#next;
  }

  async #follow(): Promise<void> {
    this.#next = undefined;
    await this.#save();
  }

  #save(): Promise<void> | undefined {
    const saving = this.#store.save(this.#state);
    if (saving === undefined) return undefined;
    const running = saving.finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }
}
