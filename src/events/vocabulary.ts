import { INBOX_ADVANCED, MAIL_ENCODING, MAIL_POSTED } from './mail-encoding.ts';
import { FACT_VERSIONS } from './upcasters.ts';

/** Event types with their versions, by name. */
export type Vocabulary = Readonly<Record<string, number>>;

/** What this program writes and understands. */
export const VOCABULARY: Vocabulary = {
  ...Object.fromEntries(Object.entries(FACT_VERSIONS).map(([type, { current }]) => [type, current])),
  [MAIL_POSTED]: MAIL_ENCODING,
  [INBOX_ADVANCED]: MAIL_ENCODING,
};

/** What of a log's vocabulary this program does not understand: the log belongs to a newer one. */
export function unknownWords(written: Vocabulary, known: Vocabulary = VOCABULARY): readonly string[] {
  return Object.entries(written)
    .filter(([type, version]) => version > (Object.hasOwn(known, type) ? (known[type] ?? 0) : 0))
    .map(([type, version]) => `${type} version ${version}`);
}
