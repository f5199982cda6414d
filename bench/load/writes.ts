/**
 * What a sender writes at once: each message as a unit of its own (a record and a DATA frame), as devices do that send
 * when somebody has typed; or all messages of a turn of the event loop together.
 */
export type Writes = 'message' | 'turn';

/** Bytes of an encrypted chat line. */
export const MESSAGE_BYTES = 256;
