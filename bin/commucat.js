#!/usr/bin/env -S node --max-semi-space-size=8
// A young generation of 8 MiB: with the default 16 each of 1000 idle sessions costs 10 KiB more, for nothing that shows.
import { startProcess } from '../dist/cli/kit/process-start.js';

startProcess(process.argv[2]);
const { execute } = await import('@oclif/core');
await execute({ dir: import.meta.url });
