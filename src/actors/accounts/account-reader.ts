import type { KeyedStreams } from '../../events/stream-category.ts';
import { STREAMS } from '../../events/streams.ts';
import { MAX_NAME_BYTES } from '../../log/append-check.ts';
import type { EventLog } from '../../log/event-log.ts';
import { handleKey } from '../../protocol/identity/handle.ts';
import { type DeviceState, evolveDevice, evolveUser, type UserState } from './account-decider.ts';

/** Users and devices as the log has them. */
export class AccountReader {
  readonly #log: EventLog;

  constructor(log: EventLog) {
    this.#log = log;
  }

  /** A device, and the revision of its newest event; -1: it has none. */
  device(id: string): Promise<{ readonly state: DeviceState | undefined; readonly revision: number }> {
    return this.#fold(STREAMS.device, id, evolveDevice);
  }

  /**
   * The id of the user who has a handle. New handles are taken by their key; accounts from before keys have taken the very
   * text, in whatever form it was.
   */
  async ownerOf(handle: string): Promise<string | undefined> {
    const forms = new Set([handle, handle.normalize('NFC'), handle.normalize('NFD'), handleKey(handle)]);
    for (const form of forms) {
      const stream = STREAMS.handle.stream(form);
      // A form that no stream can be named by was taken by nobody.
      if (Buffer.byteLength(stream) > MAX_NAME_BYTES) continue;
      for await (const recorded of this.#log.readStream(stream, { limit: 1 })) {
        return STREAMS.handle.decode(recorded).user;
      }
    }
    return undefined;
  }

  /** The profile has a stream of its own, of which only the newest event is kept: nobody's HELLO reads all that it ever was. */
  async user(id: string): Promise<UserState | undefined> {
    let { state } = await this.#fold(STREAMS.user, id, evolveUser);
    for await (const recorded of this.#log.readStream(STREAMS.profile.stream(id))) {
      state = evolveUser(state, STREAMS.profile.decode(recorded));
    }
    return state;
  }

  async #fold<Event, State>(
    streams: KeyedStreams<string, Event>,
    id: string,
    evolve: (state: State | undefined, event: Event) => State | undefined,
  ): Promise<{ readonly state: State | undefined; readonly revision: number }> {
    let state: State | undefined;
    let revision = -1;
    for await (const recorded of this.#log.readStream(streams.stream(id))) {
      state = evolve(state, streams.decode(recorded));
      revision = recorded.revision;
    }
    return { state, revision };
  }
}
