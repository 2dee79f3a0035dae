// npm run timings [-- --files]: a table of what each suite of the last run took, and of its longest files.
import { parseArgs } from 'node:util';
import { timesOfSuites } from './test-results.mjs';

const { values } = parseArgs({ options: { files: { type: 'boolean', default: false } } });
const filesOfSuite = 5;
const suites = timesOfSuites();
if (suites.length === 0) {
  console.error('No suite has run here: npm test');
  process.exit(1);
}
const lineOf = ({ name, tests, seconds }) => `| ${name} | ${tests} | ${seconds.toFixed(0)} |`;
console.log('| suite | tests | seconds |\n| --- | ---: | ---: |');
for (const suite of suites) {
  console.log(lineOf(suite));
  if (values.files)
    for (const file of suite.files.slice(0, filesOfSuite)) console.log(lineOf({ ...file, name: `· ${file.name}` }));
}
console.log('\nSuites run side by side, two at a time.');
