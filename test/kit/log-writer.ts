// Writes lines to its standard output as a server does, on orders that come over IPC, and says over IPC how it goes on.
import { createLogger, LogOutput } from '../../src/telemetry/index.ts';

const output = new LogOutput(1);
const logger = createLogger({ level: 'info', destination: output });
let written = 0;

process.on('message', (lines: number) => {
  for (let line = 0; line < lines; line += 1) {
    written += 1;
    logger.info({ number: written, filler: 'x'.repeat(900) }, 'line');
  }
  process.send?.({ written, lost: output.lost });
});
process.on('disconnect', () => void output.flush(1000).then(() => process.exit(0)));
process.send?.({ written, lost: 0 });
