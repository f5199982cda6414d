import { readFile } from 'node:fs/promises';
import { CommandError, EXIT } from '../kit/exit-codes.ts';

/** UTF-8 bytes of the longest line: it must fit into one frame with its number. */
const MAX_LINE = 48_000;

/** The lines of a text file, without the line feeds that end them. */
export async function readLines(file: string): Promise<readonly string[]> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(file));
  } catch (cause) {
    throw new CommandError(EXIT.USAGE, `${file} cannot be read as UTF-8 text`, { cause });
  }
  const lines = text.replace(/\n$/, '').split('\n');
  const long = lines.findIndex((line) => Buffer.byteLength(line) > MAX_LINE);
  if (long >= 0) throw new CommandError(EXIT.USAGE, `${file}:${long + 1}: longer than ${MAX_LINE} bytes`);
  return lines;
}

/** What one device sends for a line: the number tells apart lines with the same text. */
export function letterOf(number: number, text: string): string {
  return JSON.stringify({ line: number, text });
}

/** Lines `from` to `to` (exclusive) of part `index` of `parts` equal ones. */
export function part(
  lines: number,
  index: number,
  parts: number,
): { readonly from: number; readonly to: number } {
  return { from: Math.floor((lines * index) / parts), to: Math.floor((lines * (index + 1)) / parts) };
}
