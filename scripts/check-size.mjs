// Prints a file's size, and fails if it is above a limit: node check-size.mjs FILE BYTES.
import { statSync } from 'node:fs';

const [file, limit] = process.argv.slice(2);
const { size } = statSync(file);
console.log(`${file}: ${size} bytes of at most ${limit}`);
if (size > Number(limit)) process.exitCode = 1;
