// Where the time of a profile went: node --import tsx bench/profile.ts FILE.cpuprofile ...
import { basename } from 'node:path';
import { profileText, readProfile } from './profile-summary.ts';

for (const path of process.argv.slice(2)) console.log(profileText(basename(path), readProfile(path)));
