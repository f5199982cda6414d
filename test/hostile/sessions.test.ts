import { attackSessions } from './session-attacks.ts';

attackSessions('direct');
