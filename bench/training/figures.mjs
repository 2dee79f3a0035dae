// How figures are printed: medians with their range, and the command that gave them.
import { median } from '../contestant.mjs';

const shown = (value) =>
  value === Infinity
    ? '∞'
    : value >= 100
      ? Math.round(value).toLocaleString('en-US')
      : String(Number(value.toPrecision(3)));

/** Such as 4,480 (4,440–4,530). */
export function withRange(values) {
  const [low, middle, high] = [Math.min(...values), median(values), Math.max(...values)];
  return `${shown(middle)} (${shown(low)}–${shown(high)})`;
}

/** Such as 1.31 (1.28–1.35), of the ratios of each round. */
export function ratios(over, under) {
  const all = over.map((value, i) => value / under[i]);
  const written = (value) => (Number.isFinite(value) ? value.toFixed(2) : '∞');
  return `${written(median(all))} (${written(Math.min(...all))}–${written(Math.max(...all))})`;
}

export const printRow = (cells) => console.log(`| ${cells.join(' | ')} |`);

export function printHead(cells) {
  printRow(cells);
  printRow(cells.map(() => '---'));
}

export const commandLine = () => `\`npm run bench -- ${process.argv.slice(2).join(' ')}\``;
export const countOf = (text) => text.split(',').map(Number);
export const workersText = (count) => `${count} ${count === 1 ? 'worker' : 'workers'}`;
