/** What the bare server does, by path. */
export const BARE_PATHS = {
  /** Sends back each chunk by a write of its own. */
  echo: '/echo',
  /** As `echo`, but what comes are records: each is opened and sent back as a new one. */
  sealedEcho: '/sealed-echo',
  /** Takes part in the fan-out as a receiver. */
  receive: '/receive',
  /** Sends each chunk to all receivers. */
  fanOut: '/fan-out',
  /** Sends as many messages as the chunk that came holds in decimal digits. */
  pour: '/pour',
} as const;
