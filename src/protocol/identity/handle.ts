import { LIMITS } from '../limits.ts';

/** Nothing of it is seen, or it is not a character yet, or only in private. Braille blank is the one such symbol. */
const UNSEEN = /[\p{C}\p{Z}\s\p{Default_Ignorable_Code_Point}\u2800]/u;
/** What stands over another character must have one. */
const BEGINS_WITH_MARK = /^\p{M}/u;
const SEPARATOR = '@';

/** Scripts whose letters look like those of another one, so that a handle has letters of one of them alone. */
const SCRIPTS: readonly RegExp[] = [
  /\p{Script=Latin}/u,
  /\p{Script=Cyrillic}/u,
  /\p{Script=Greek}/u,
  /\p{Script=Armenian}/u,
  /\p{Script=Cherokee}/u,
  /\p{Script=Coptic}/u,
  /\p{Script=Georgian}/u,
  /\p{Script=Lisu}/u,
];

/** What `readHandle` wants, in words. */
export const HANDLE_RULE = `expected 1 to ${LIMITS.HANDLE_MAX} characters that can be seen, without space and @, and letters of one script`;

/**
 * The form in which a handle is kept: NFC. `undefined` for what no new handle may be: empty or beyond LIMITS.HANDLE_MAX
 * UTF-16 units, as it is or folded; with `@`, which separates a domain; with anything unseen, unassigned or private; with letters of two scripts
 * that imitate each other (after UTS 39, 5.2). PROTOCOL.md 3.4.
 */
export function readHandle(text: string): string | undefined {
  const handle = text.normalize('NFC');
  if (handle === '' || text.length > LIMITS.HANDLE_MAX || handle.length > LIMITS.HANDLE_MAX) return undefined;
  if (UNSEEN.test(handle) || BEGINS_WITH_MARK.test(handle) || handle.includes(SEPARATOR)) return undefined;
  // Fullwidth and mathematical letters are Common until they are folded.
  const folded = handleKey(handle);
  // One character can be many once it is folded.
  if (folded.length > LIMITS.HANDLE_MAX) return undefined;
  if (folded.includes(SEPARATOR) || UNSEEN.test(folded)) return undefined;
  return SCRIPTS.filter((script) => script.test(folded)).length > 1 ? undefined : handle;
}

/**
 * What two spellings of one handle share: compatibility forms and case folded. Two accounts with the same key would look the
 * same, so a key is taken once.
 */
export function handleKey(handle: string): string {
  // The capital ẞ becomes ss by way of ß only.
  return handle.normalize('NFKC').toLowerCase().toUpperCase().toLowerCase().normalize('NFKC');
}
