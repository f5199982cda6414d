import { createHmac } from 'node:crypto';

export const NAME_KEY_BYTES = 32;
/** The key's file in the data folder. Without it the names of older lines can no longer be told. */
export const NAME_KEY_FILE = 'log-names.key';
const TAG_DIGITS = 16;

/**
 * Names devices and users in logs: a keyed hash, the same for as long as the data folder keeps its key. Who has only the
 * log lines can follow a device through them and cannot tell whose it is; who has the data folder can (`commucat log show`).
 */
export class NameTags {
  readonly #key: Uint8Array;

  /** @param key NAME_KEY_BYTES bytes */
  constructor(key: Uint8Array) {
    this.#key = key;
  }

  device(id: string): string {
    return this.#tag('device', id);
  }

  user(id: string): string {
    return this.#tag('user', id);
  }

  #tag(kind: string, id: string): string {
    return createHmac('sha256', this.#key).update(`${kind}\0${id}`).digest('hex').slice(0, TAG_DIGITS);
  }
}
