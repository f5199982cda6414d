export { sodiumBackend } from './sodium-backend.ts';
