/**
 * What could command a terminal or rearrange its line: controls, line and paragraph separators, and invisible formatting
 * such as bidirectional overrides. Joiners stay: letters and emoji are made with them, and they move nothing.
 */
const COMMANDING = /(?!\u200c|\u200d)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
const COMMANDING_BUT_LINE_FEED = /(?!\u200c|\u200d|\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Text of somebody else on one line of a terminal: what it could command the terminal with is shown as escapes. */
export function printable(text: string): string {
  return text.replaceAll(COMMANDING, escaped);
}

/** The same for text of several lines. */
export function printableLines(text: string): string {
  return text.replaceAll(COMMANDING_BUT_LINE_FEED, escaped);
}

/** As JSON escapes it, so that a document stays one. */
function escaped(character: string): string {
  return Array.from(
    { length: character.length },
    (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
  ).join('');
}
