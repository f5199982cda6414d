/** What a file of vectors and the code that checks it have in common. */

/** One case, as it stands in the file; each suite knows its own fields. */
export type VectorCase = Readonly<Record<string, unknown>>;

/** Where a suite tells what it found. */
export interface VectorReport {
  pass(name: string): void;
  fail(name: string, problem: string): void;
  /** A quirk of the reference that we decided against; `decision` says what we do instead, or that nothing was checked. */
  quirk(name: string, decision: string): void;
}

/** Checks the cases of one file. A case that throws outside of its own check counts as failed. */
export interface VectorSuite {
  /** File name inside the folder of vectors. */
  readonly file: string;
  /** For suites that depend on the crypto backend: one run and one line each. */
  readonly backend?: string;
  /** `document` is the whole parsed file: third-party files have no `cases` at the top. */
  run(document: VectorDocument, report: VectorReport): void | Promise<void>;
}

export interface VectorDocument {
  readonly cases?: readonly VectorCase[];
  readonly [key: string]: unknown;
}

/** Runs `check` for each case of a document in our own format; what it throws is the problem. */
export function eachCase(
  document: VectorDocument,
  report: VectorReport,
  check: (vector: VectorCase, name: string) => 'checked' | { readonly quirk: string },
): void {
  for (const [index, vector] of (document.cases ?? []).entries()) {
    const name = typeof vector.name === 'string' ? vector.name : `case ${index}`;
    try {
      const outcome = check(vector, name);
      if (outcome === 'checked') report.pass(name);
      else report.quirk(name, outcome.quirk);
    } catch (error) {
      report.fail(name, error instanceof Error ? error.message : String(error));
    }
  }
}

/** A member that must be a text. */
export function text(vector: VectorCase, key: string): string {
  const value = vector[key];
  if (typeof value !== 'string') throw new TypeError(`the case has no text ${key}`);
  return value;
}

/** A member that must be a number, also when it is written as a decimal string. */
export function number(vector: VectorCase, key: string): number {
  const value = vector[key];
  if (typeof value === 'number') return value;
  if (typeof value === 'string' && /^\d+$/.test(value)) return Number(value);
  throw new TypeError(`the case has no number ${key}`);
}

/** A member that must be lower-case hex. */
export function bytes(vector: VectorCase, key: string): Uint8Array {
  const value = text(vector, key);
  if (!/^(?:[0-9a-f]{2})*$/.test(value)) throw new TypeError(`${key} is not hex`);
  return Uint8Array.from(Buffer.from(value, 'hex'));
}
