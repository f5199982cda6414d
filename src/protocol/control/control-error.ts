import { CommuCatError } from '../../ports/commucat-error.ts';

/** A control structure that breaks its schema. The message names the place and what is allowed, and may be shown. */
export class ControlError extends CommuCatError {
  /** Where, as in `media.audio.bitrate` or `to[0]`; empty for the whole payload. */
  readonly path: string;

  constructor(path: string, problem: string) {
    super('CONTROL_INVALID', path === '' ? problem : `${path}: ${problem}`);
    this.path = path;
  }
}
