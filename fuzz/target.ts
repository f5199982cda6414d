/** One thing to fuzz. */
export interface FuzzTarget {
  /** Names the folder of its corpus. */
  readonly name: string;
  /** What is read and what must hold, in one line. */
  readonly about: string;
  /** Longest input in bytes. */
  readonly maxLength: number;
  /** `json`: from the byte `jsonFrom` on inputs are JSON texts, and are also changed as trees. */
  readonly form: 'bytes' | 'json';
  /** @default 0 */
  readonly jsonFrom?: number;
  /** Inputs to start from, besides the corpus. */
  readonly seeds: () => readonly Uint8Array[];
  /** Throws when something does not hold. Must be deterministic: the same bytes, the same result. */
  readonly run: (data: Uint8Array) => void;
}
