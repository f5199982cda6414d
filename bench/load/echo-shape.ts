/**
 * What the program at each end writes at once: every message, as an echo of messages does, with what Node.js makes of
 * writes that pile up; or all messages of a turn of the event loop in one piece, as the relay does.
 */
export type EchoWrites = 'message' | 'turn';

export const ECHO_PATHS: Readonly<Record<EchoWrites, string>> = {
  message: '/echo-messages',
  turn: '/echo-turns',
};

/** Bytes of an encrypted chat line. */
export const MESSAGE_BYTES = 256;
