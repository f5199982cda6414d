/** `keepalive_interval` in seconds for the setting `server.keepalive`. PROTOCOL.md 2.8. */
export function keepaliveInterval(keepaliveSeconds: number): number {
  return Math.max(5, Math.floor(keepaliveSeconds / 2));
}
