import { readFileSync } from 'node:fs';
import { concatBytes, fromHex } from '../../src/protocol/bytes.ts';
import { CaseReader } from '../vectors/case-reader.ts';

/** The text of a file in `vectors/` as it lies in the repository. */
export function committedText(file: string): string {
  return readFileSync(new URL(`../../vectors/${file}`, import.meta.url), 'utf8');
}

export function committedCases(file: string): readonly CaseReader[] {
  return new CaseReader(JSON.parse(committedText(file))).list('cases');
}

/** A byte string in either notation of vectors/README.md. */
export function bytesOf(vector: CaseReader, field: string): Uint8Array {
  const value = vector.raw(field);
  if (typeof value === 'string') return fromHex(value);
  return concatBytes(...vector.values(field).map(pieceOf));
}

function pieceOf(value: unknown): Uint8Array {
  if (typeof value === 'string') return fromHex(value);
  const piece = new CaseReader(value);
  return fromHex(piece.text('repeat').repeat(piece.number('times')));
}
