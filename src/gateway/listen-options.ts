import type { ListenOptions } from 'node:net';
import { addressOf } from '../config/index.ts';

/**
 * Where to listen. Workers listen on one address together, and the operating system spreads connections over them; a
 * single thread has the address for itself, so that a second server finds it taken.
 *
 * @param workers the setting `server.workers`
 */
export function listenOptions(bind: string, workers: number): ListenOptions {
  // Node's types learn of `reusePort` later than our oldest Node.js.
  const options: ListenOptions & { reusePort?: boolean } = addressOf(bind);
  return workers === 0 ? options : { ...options, reusePort: true };
}
