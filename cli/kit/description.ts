import { type ExitName, exitCodes } from './exit-codes.ts';

/**
 * The long text of a command's `--help`: paragraphs, which the terminal's width breaks into lines, and the exit codes.
 * @param text paragraphs separated by empty lines; line breaks inside a paragraph mean nothing
 */
export function description(text: string, ...codes: readonly ExitName[]): string {
  const paragraphs = text.trim().split(/\n\s*\n/);
  return [...paragraphs.map((paragraph) => paragraph.replaceAll(/\s*\n\s*/g, ' ')), exitCodes(...codes)].join(
    '\n\n',
  );
}
