import { EncodedNames } from '../events/mail-encoding.ts';
import type { Mailbox } from './mailboxes/mailbox.ts';

/** Bytes of names that are kept. The newest ones stay, however many they are. */
const KEPT_BYTES = 2 * 1024 * 1024;

/**
 * The encoded names of the members of large channels that were written to last. Posts of a channel share the array of its
 * members, which is replaced when it changes.
 */
export class NameCache {
  /** Used last: at the end. */
  readonly #names = new Map<readonly Mailbox[], EncodedNames>();
  #bytes = 0;

  /** @throws LogError `LOG_INVALID` when a device id cannot be encoded. */
  of(members: readonly Mailbox[]): EncodedNames {
    let names = this.#names.get(members);
    if (names === undefined) {
      names = new EncodedNames(members.map(({ device }) => device));
      this.#bytes += names.size;
    } else {
      this.#names.delete(members);
    }
    this.#names.set(members, names);
    for (const [oldest, { size }] of this.#names) {
      if (this.#bytes <= KEPT_BYTES || oldest === members) break;
      this.#names.delete(oldest);
      this.#bytes -= size;
    }
    return names;
  }
}
