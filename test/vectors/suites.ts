import { control } from './control.ts';
import { cryptoSuites } from './crypto.ts';
import { frames } from './frames.ts';
import { noiseSuites } from './noise.ts';
import type { VectorSuite } from './suite.ts';
import { wycheproofSuites } from './wycheproof.ts';

/** All suites, in the order of the report. A file may have several, one for each crypto backend. */
export const SUITES: readonly VectorSuite[] = [
  frames,
  control,
  ...cryptoSuites,
  ...noiseSuites,
  ...wycheproofSuites,
];

/** Files whose subject is not built yet. */
export const WAITING: ReadonlySet<string> = new Set([
  'ccp1-media.json',
  'ccp1-federation.json',
  'ccp1-rest-crypto.json',
]);
