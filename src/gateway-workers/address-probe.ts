import { createServer } from 'node:net';
import { addressOf, type Config } from '../config/index.ts';

/**
 * Rejects with EADDRINUSE when another server listens where the workers are about to. They share their port, and the
 * operating system would let them share it with a stranger of the same user, whose clients they would then take away.
 */
export async function requireFreeAddresses({ bind, plainBind }: Config['server']): Promise<void> {
  for (const address of plainBind === undefined ? [bind] : [bind, plainBind]) await probe(address);
}

/** A socket that shares with nobody can be bound only where no other one is, sharing or not. */
async function probe(bind: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(addressOf(bind), () => server.close(() => resolve()));
  });
}
