import { stat } from 'node:fs/promises';
import { CommandError, EXIT } from './exit-codes.ts';

/**
 * Root can write everywhere, and would leave files that the user of the server cannot use.
 *
 * @throws CommandError `CONFIGURATION` when root is about to write into a data folder that is not root's
 */
export async function requireOwner(dataDir: string): Promise<void> {
  if (process.geteuid?.() !== 0) return;
  const found = await stat(dataDir).catch(() => undefined);
  if (found === undefined) {
    throw new CommandError(
      EXIT.CONFIGURATION,
      `${dataDir} does not exist yet, and would belong to root: start the server first, or run this as its user`,
    );
  }
  if (found.uid !== 0) {
    throw new CommandError(
      EXIT.CONFIGURATION,
      `${dataDir} belongs to the user with uid ${found.uid}: run this as that user, or start the server first`,
    );
  }
}
