// npm run bench -- NAME …: runs one benchmark of this folder. Build first (npm run build).
import { readdirSync } from 'node:fs';

const names = readdirSync(new URL('.', import.meta.url))
  .filter((file) => file.endsWith('.mjs') && !['main.mjs', 'contestant.mjs'].includes(file))
  .map((file) => file.slice(0, -4));
const name = process.argv[2];
if (!names.includes(name)) {
  console.error(`usage: npm run bench -- ${names.join(' | ')} …`);
  process.exit(2);
}
await import(`./${name}.mjs`);
