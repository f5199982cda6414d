import type {
  ExpectedRevision,
  NewEvent,
  RecordedEvent,
  StreamAppend,
  StreamName,
} from '../log/event-log.ts';
import type { CategoryRetention } from '../log/retention.ts';

/** What a stored event is decoded from. */
export type StoredEvent = Pick<RecordedEvent, 'type' | 'data'>;

/** How the events of a category become bytes, and bytes events. */
export interface EventCodec<Event> {
  readonly types: readonly string[];
  encode(event: Event): NewEvent;
  /** @throws LogError `LOG_UNKNOWN_EVENT`, `LOG_MALFORMED_EVENT` */
  decode(stored: StoredEvent): Event;
}

/** How a key becomes the part of a stream's name behind the category, and is read from it. */
export interface KeyForm<Key> {
  write(key: Key): string;
  read(text: string): Key;
}

/** What holds for the streams of a category, however many they are. */
abstract class StreamCategory<Event> {
  readonly category: string;
  readonly retention: CategoryRetention;
  readonly #codec: EventCodec<Event>;

  constructor(category: string, retention: CategoryRetention, codec: EventCodec<Event>) {
    this.category = category;
    this.retention = retention;
    this.#codec = codec;
  }

  /** Every type that a stream of this category may hold. */
  get types(): readonly string[] {
    return this.#codec.types;
  }

  abstract has(stream: string): boolean;

  /**
   * Decodes an event of one of these streams, whatever version it was written in.
   *
   * @throws LogError `LOG_UNKNOWN_EVENT` for a type or version that does not belong here, `LOG_MALFORMED_EVENT`
   */
  decode(stored: StoredEvent): Event {
    return this.#codec.decode(stored);
  }

  encode(event: Event): NewEvent {
    return this.#codec.encode(event);
  }

  protected appended(stream: StreamName, expected: ExpectedRevision, events: readonly Event[]): StreamAppend {
    return { stream, expected, events: events.map((event) => this.#codec.encode(event)) };
  }
}

/** Streams `category-key`: one for each user, device, channel, … */
export class KeyedStreams<Key, Event> extends StreamCategory<Event> {
  readonly #form: KeyForm<Key>;
  readonly #prefix: string;

  constructor(category: string, retention: CategoryRetention, codec: EventCodec<Event>, form: KeyForm<Key>) {
    super(category, retention, codec);
    this.#form = form;
    this.#prefix = `${category}-`;
  }

  stream(key: Key): StreamName {
    return streamName(this.#prefix + this.#form.write(key));
  }

  override has(stream: string): boolean {
    return stream.startsWith(this.#prefix);
  }

  /** @throws TypeError when it is not a stream of this category */
  keyOf(stream: string): Key {
    if (!this.has(stream)) throw new TypeError(`${stream} is no ${this.category} stream`);
    return this.#form.read(stream.slice(this.#prefix.length));
  }

  append(key: Key, expected: ExpectedRevision, events: readonly Event[]): StreamAppend {
    return this.appended(this.stream(key), expected, events);
  }
}

/** A category of one stream, which has no key. */
export class SingleStream<Event> extends StreamCategory<Event> {
  readonly stream: StreamName;

  constructor(category: string, retention: CategoryRetention, codec: EventCodec<Event>) {
    super(category, retention, codec);
    this.stream = streamName(category);
  }

  override has(stream: string): boolean {
    return stream === this.stream;
  }

  append(expected: ExpectedRevision, events: readonly Event[]): StreamAppend {
    return this.appended(this.stream, expected, events);
  }
}

/** Outside of this room and of the log, which reads names from its files, nobody makes a name of a text. */
function streamName(text: string): StreamName {
  return text as StreamName;
}
