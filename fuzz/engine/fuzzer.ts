import type { FuzzTarget } from '../target.ts';
import type { Coverage } from './coverage.ts';
import type { Dictionary } from './dictionary.ts';
import { BOUNDS, type Finding } from './finding.ts';
import { mutateBytes } from './mutate-bytes.ts';
import { mutateJson } from './mutate-json.ts';
import type { Prng } from './prng.ts';
import type { SharedState } from './shared-state.ts';

interface Entry {
  readonly data: Uint8Array;
  /** Features that only this input had reached when it came. */
  readonly fresh: number;
}

const SHRINK_ATTEMPTS = 400;
const MAX_FINDINGS = 10;
const EMPTY = new Uint8Array(0);

/** The loop: take an input, change it, run it, keep it when it reached something new. */
export class Fuzzer {
  readonly entries: Entry[] = [];
  readonly #target: FuzzTarget;
  readonly #coverage: Coverage;
  readonly #dictionary: Dictionary;
  readonly #prng: Prng;
  readonly #state: SharedState;
  readonly #found: (finding: Finding) => void;
  readonly #messages = new Set<string>();

  constructor(
    target: FuzzTarget,
    parts: { coverage: Coverage; dictionary: Dictionary; prng: Prng; state: SharedState },
    found: (finding: Finding) => void,
  ) {
    this.#target = target;
    this.#coverage = parts.coverage;
    this.#dictionary = parts.dictionary;
    this.#prng = parts.prng;
    this.#state = parts.state;
    this.#found = found;
  }

  /** Runs inputs as they are: the corpus, or the seeds. */
  seed(inputs: readonly Uint8Array[]): void {
    for (const input of inputs) this.#try(input.subarray(0, this.#target.maxLength));
    if (this.entries.length === 0) this.entries.push({ data: EMPTY, fresh: 0 });
  }

  /** Runs `count` changed inputs. */
  run(count: number): void {
    for (let left = count; left > 0 && this.#messages.size < MAX_FINDINGS; left--) this.#try(this.#mutate());
    this.#state.report(this.#coverage.edges, this.#coverage.features, this.entries.length);
  }

  #try(data: Uint8Array): void {
    const { message, milliseconds } = this.#execute(data);
    if (message !== undefined) this.#fail(data, message);
    else if (milliseconds > BOUNDS.SLOW_MS) this.#confirmSlow(data);
    const fresh = this.#coverage.merge();
    if (fresh > 0 && message === undefined) this.entries.push({ data: Uint8Array.from(data), fresh });
  }

  #execute(data: Uint8Array): { message: string | undefined; milliseconds: number } {
    this.#state.begin(data);
    this.#coverage.reset();
    const started = performance.now();
    let message: string | undefined;
    try {
      // A copy: a target that changes or keeps its input must not change ours.
      this.#target.run(Uint8Array.from(data));
    } catch (error) {
      message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
    return { message, milliseconds: performance.now() - started };
  }

  #confirmSlow(data: Uint8Array): void {
    const fastest = Math.min(...Array.from({ length: 3 }, () => this.#processorTime(data)));
    if (fastest <= BOUNDS.SLOW_MS || this.#messages.has('slow')) return;
    this.#messages.add('slow');
    this.#found({
      kind: 'slow',
      message: `${Math.round(fastest)} ms of processor time for ${data.length} bytes`,
      input: data,
    });
  }

  /** Milliseconds of processor time: on a busy machine the clock on the wall tells nothing. */
  #processorTime(data: Uint8Array): number {
    const before = process.cpuUsage();
    this.#execute(data);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  }

  #fail(data: Uint8Array, message: string): void {
    const key = firstLine(message);
    if (this.#messages.has(key)) return;
    this.#messages.add(key);
    this.#found({ kind: 'failed', message, input: this.#shrink(Uint8Array.from(data), key) });
  }

  /** Leaves out pieces for as long as the same message comes. */
  #shrink(data: Uint8Array, key: string): Uint8Array {
    let best = data;
    for (let attempt = 0, size = best.length >> 1; attempt < SHRINK_ATTEMPTS && size > 0; attempt++) {
      const at = this.#prng.below(best.length - size + 1);
      const candidate = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
      const { message } = this.#execute(candidate);
      if (message !== undefined && firstLine(message) === key) best = candidate;
      else if (attempt % 8 === 7) size = Math.max(1, size >> 1);
      size = Math.min(size, best.length);
    }
    return best;
  }

  #mutate(): Uint8Array {
    const { maxLength, form, jsonFrom = 0 } = this.#target;
    const data = this.#choose();
    const other = this.#choose();
    if (form === 'json' && this.#prng.below(4) !== 0) {
      const tree = mutateJson(
        data.subarray(jsonFrom),
        other.subarray(jsonFrom),
        this.#prng,
        this.#dictionary,
      );
      if (tree !== undefined && tree.length + jsonFrom <= maxLength) {
        return Buffer.concat([data.subarray(0, jsonFrom), tree]);
      }
    }
    return mutateBytes(data, other, this.#prng, this.#dictionary, maxLength);
  }

  /** Half of the time one of the newest inputs: they lead to what nobody has seen yet. */
  #choose(): Uint8Array {
    const count = this.entries.length;
    const newest = Math.max(1, Math.ceil(count / 8));
    const index = this.#prng.below(2) === 0 ? this.#prng.below(count) : count - 1 - this.#prng.below(newest);
    return this.entries[index]?.data ?? EMPTY;
  }
}

function firstLine(message: string): string {
  return (message.split('\n', 1)[0] ?? '').replaceAll(/\d+/g, '#').slice(0, 120);
}
