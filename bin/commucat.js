#!/usr/bin/env -S node --max-semi-space-size=8
// A young generation of 8 MiB: with the default 16 each of 1000 idle sessions costs 10 KiB more, for nothing that shows.
import { holdSignals } from '../dist/cli/signals.js';

// Servers are stopped and told about new certificates by signals: also while the rest of this program is being loaded.
if (['serve', 'dev'].includes(process.argv[2])) holdSignals();
const { execute } = await import('@oclif/core');
await execute({ dir: import.meta.url });
