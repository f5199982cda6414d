import { concatBytes, toHex } from '../../src/protocol/bytes.ts';
import type { CryptoBackend } from '../../src/protocol/crypto-backend.ts';
import { type JsonInput, stringifyJson } from '../../src/protocol/json/json.ts';

/** One case: a name that is unique in its file, and what vectors/README.md lists for the file. */
export type VectorCase = { readonly name: string } & Readonly<Record<string, JsonInput>>;

/** One file of `vectors/`. */
export interface VectorFile {
  /** What the file is about, in one sentence. */
  readonly about: string;
  /** Section of PROTOCOL.md. */
  readonly section: string;
  /** Both backends must give the same cases. */
  cases(backend: CryptoBackend): readonly VectorCase[];
}

/** The text of the file: a head, then one case per line. */
export function renderVectorFile(file: VectorFile, backend: CryptoBackend): string {
  const cases = file.cases(backend);
  const names = new Set(cases.map(({ name }) => name));
  if (names.size !== cases.length) throw new Error('two cases of one file have the same name');
  const lines = cases.map((vector) => `  ${stringifyJson(vector)}`);
  const head = `  "about": ${JSON.stringify(file.about)},\n  "section": ${JSON.stringify(file.section)},`;
  return `{\n${head}\n  "cases": [\n${lines.map((line) => `  ${line}`).join(',\n')}\n  ]\n}\n`;
}

/** A part of a byte string: bytes, or bytes that stand there many times. */
export type Piece = Uint8Array | { readonly repeat: Uint8Array; readonly times: number };

/** The notation of vectors/README.md for long byte strings: an array of hex and repetitions. */
export function piecesJson(pieces: readonly Piece[]): JsonInput {
  return pieces.map((piece) =>
    piece instanceof Uint8Array ? toHex(piece) : { repeat: toHex(piece.repeat), times: piece.times },
  );
}

/** The byte string itself. */
export function joinPieces(pieces: readonly Piece[]): Uint8Array {
  return concatBytes(
    ...pieces.map((piece) => {
      if (piece instanceof Uint8Array) return piece;
      const { repeat, times } = piece;
      return Uint8Array.from({ length: repeat.length * times }, (_, at) => repeat[at % repeat.length] ?? 0);
    }),
  );
}

/** A table says what an implementation must answer; ours answering otherwise is a bug, not a vector. */
export function insist(holds: boolean, name: string): void {
  if (!holds) throw new Error(`the implementation disagrees with the table: ${name}`);
}
