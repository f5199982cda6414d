const NUMBERS = 8;
const LENGTH = 0;
const EXECUTIONS = 1;
const EDGES = 2;
const FEATURES = 3;
const INPUTS = 4;

/**
 * What the fuzzing thread tells while it cannot answer: the input that it runs right now, and its figures. The
 * supervisor reads it when the thread hangs or has died.
 */
export class SharedState {
  readonly memory: SharedArrayBuffer;
  readonly #numbers: Float64Array;
  readonly #input: Uint8Array;

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.#numbers = new Float64Array(memory, 0, NUMBERS);
    this.#input = new Uint8Array(memory, NUMBERS * Float64Array.BYTES_PER_ELEMENT);
  }

  static create(maxLength: number): SharedState {
    return new SharedState(new SharedArrayBuffer(NUMBERS * Float64Array.BYTES_PER_ELEMENT + maxLength));
  }

  begin(input: Uint8Array): void {
    this.#input.set(input);
    this.#numbers[LENGTH] = input.length;
    this.#numbers[EXECUTIONS] = this.executions + 1;
  }

  report(edges: number, features: number, inputs: number): void {
    this.#numbers[EDGES] = edges;
    this.#numbers[FEATURES] = features;
    this.#numbers[INPUTS] = inputs;
  }

  /** A copy of the input that runs, or ran last. */
  get input(): Uint8Array {
    return this.#input.slice(0, this.#numbers[LENGTH]);
  }

  get executions(): number {
    return this.#numbers[EXECUTIONS] ?? 0;
  }

  get edges(): number {
    return this.#numbers[EDGES] ?? 0;
  }

  get features(): number {
    return this.#numbers[FEATURES] ?? 0;
  }

  get inputs(): number {
    return this.#numbers[INPUTS] ?? 0;
  }
}
