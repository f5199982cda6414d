#!/usr/bin/env -S node --max-semi-space-size=8
// The reference's name for `commucat serve`.
import { startProcess } from '../dist/cli/kit/process-start.js';

startProcess('serve');
const { execute } = await import('@oclif/core');
await execute({ dir: import.meta.url, args: ['serve', ...process.argv.slice(2)] });
