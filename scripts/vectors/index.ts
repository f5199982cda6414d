import { certificates } from './certificates.ts';
import { frames } from './frames.ts';
import { jsonTexts } from './json-texts.ts';
import { keys } from './keys.ts';
import { noise } from './noise.ts';
import { proofs } from './proofs.ts';
import { records } from './records.ts';
import { serials } from './serials.ts';
import { sessions } from './sessions.ts';
import { varints } from './varints.ts';
import type { VectorFile } from './vector-file.ts';

/** The files of `vectors/` by name. */
export const vectorFiles: ReadonlyMap<string, VectorFile> = new Map([
  ['varints.json', varints],
  ['frames.json', frames],
  ['json.json', jsonTexts],
  ['keys.json', keys],
  ['proofs.json', proofs],
  ['certificates.json', certificates],
  ['noise.json', noise],
  ['records.json', records],
  ['sessions.json', sessions],
  ['serials.json', serials],
]);
