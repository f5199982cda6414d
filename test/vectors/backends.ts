import { sodiumBackend } from '../../src/crypto/index.ts';
import type { CryptoBackend } from '../../src/protocol/crypto-backend.ts';
import { nobleBackend } from '../../src/protocol/noble-backend.ts';
import type { VectorReport } from './suite.ts';

/** Every vector of a cryptographic operation runs on each of them. */
export const BACKENDS: readonly CryptoBackend[] = [sodiumBackend, nobleBackend];

/** Runs one case of a third-party file; what it throws is the problem. */
export function checkCase(report: VectorReport, name: string, check: () => void): void {
  try {
    check();
    report.pass(name);
  } catch (error) {
    report.fail(name, error instanceof Error ? error.message : String(error));
  }
}
