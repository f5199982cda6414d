import type { Readable } from 'node:stream';

/** Characters of the longest line. */
const MAX_LINE = 1_048_576;

/**
 * The lines of a text, ended by line feeds, with or without a carriage return, and by nothing else: Node's own reader
 * takes U+2028 and U+2029 for ends of lines in some of its versions.
 *
 * @param signal ends the lines
 * @throws RangeError for a line of more than a mebibyte of characters
 */
export async function* linesOf(input: Readable, signal?: AbortSignal): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let rest = '';
  const stop = (): void => void input.destroy();
  signal?.addEventListener('abort', stop);
  try {
    for await (const chunk of input) {
      const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE) throw new RangeError(`a line of more than ${MAX_LINE} characters`);
      for (const line of lines) yield line.replace(/\r$/, '');
    }
    if (rest !== '') yield rest;
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
