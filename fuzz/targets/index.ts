import { fileURLToPath } from 'node:url';
import type { FuzzTarget } from '../target.ts';
import { target as certificate } from './certificate.ts';
import { target as control } from './control.ts';
import { target as forwarded } from './forwarded.ts';
import { target as frame } from './frame.ts';
import { target as handshake } from './handshake.ts';
import { target as hello } from './hello.ts';
import { target as json } from './json.ts';
import { target as log } from './log.ts';
import { target as proxy } from './proxy.ts';
import { target as record } from './record.ts';
import { target as websocket } from './websocket.ts';

export const targets: readonly FuzzTarget[] = [
  frame,
  record,
  json,
  hello,
  certificate,
  handshake,
  control,
  log,
  proxy,
  forwarded,
  websocket,
];

/** The module of a target: it exports `target`. */
export function targetFile(name: string): string {
  return fileURLToPath(new URL(`${name}.ts`, import.meta.url));
}
