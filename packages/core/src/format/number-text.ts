// Numbers as people read them, the same in the terminal, in reports and in messages. Files hold numbers in full.

const significant = 4;
/** Smaller and larger numbers are written with an exponent. */
const smallest = 1e-4;
const largest = 1e15;

const notFinite = 'not finite';

/** Places after the point that a number needs to have this many significant digits. */
function placesOf(value: number, digits: number): number {
  // Rounding may add a digit: 9.9996 becomes 10.00.
  const rounded = Number(value.toPrecision(digits));
  return rounded === 0 ? 0 : Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(rounded))));
}

const withPlaces = (value: number, places: number): string =>
  value.toLocaleString('en-US', { minimumFractionDigits: places, maximumFractionDigits: places });

/** A whole number with separators between thousands. */
/** An ISO time as people read it: `2026-01-01 12:00:00 UTC`. */
export const formatTime = (iso: string): string => `${iso.slice(0, 19).replace('T', ' ')} UTC`;

export const formatCount = (value: number): string => value.toLocaleString('en-US');

/**
 * A number with four significant digits: 0.5305, 12.35. From 1,000 on it is whole (51,985), and a whole number is
 * written in full. Only tiny and huge numbers have an exponent.
 * @param digits significant digits, if other than four
 */
export function formatNumber(value: number, digits = significant): string {
  if (!Number.isFinite(value)) return notFinite;
  const size = Math.abs(value);
  if (size >= largest || (size > 0 && size < smallest)) return value.toExponential(digits - 1);
  return Number.isInteger(value) ? formatCount(value) : withPlaces(value, placesOf(value, digits));
}

/** A value of a recipe: like a number, without zeros at its end. */
export const formatValue = (value: number): string =>
  formatNumber(value)
    .replace(/(\.\d*?)0+(?=e|$)/, '$1')
    .replace(/\.(?=e|$)/, '');

/** A share as a percentage with two places: 0.9781 is 97.81 %. */
export const formatShare = (share: number): string =>
  Number.isFinite(share) ? `${withPlaces(100 * share, 2)} %` : notFinite;

/** A number and how uncertain it is, with the same places: 0.5305 ± 0.0021. Infinite uncertainty is left out. */
export function formatEstimate(mean: number, uncertainty: number): string {
  if (!Number.isFinite(mean) || !Number.isFinite(uncertainty)) return formatNumber(mean);
  const sizes = [mean, uncertainty].map(Math.abs).filter((size) => size > 0);
  if (sizes.some((size) => size < smallest || size >= largest))
    return `${formatNumber(mean)} ± ${formatNumber(uncertainty, 2)}`;
  const places = Math.max(placesOf(mean, significant), placesOf(uncertainty, 1));
  return `${withPlaces(mean, places)} ± ${withPlaces(uncertainty, places)}`;
}

/** How long something took or will take: 0.85 s, 12.3 s, 2 min 05 s, 3 h 07 min. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return notFinite;
  if (seconds < 59.95) return `${seconds < 10 ? formatNumber(seconds, seconds < 1 ? 2 : 3) : seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  return whole < 3600
    ? `${Math.floor(whole / 60)} min ${two(whole % 60)} s`
    : `${formatCount(Math.floor(whole / 3600))} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

/** A time of milliseconds: 0.85 ms, 12.3 ms, 3,120 ms. */
export const formatMs = (ms: number): string => `${formatNumber(ms, 3)} ms`;

/** What a link carries, from bytes per second: 9.4 Gbit/s, 940 Mbit/s, 64 kbit/s. */
export function formatBitRate(bytesPerSecond: number): string {
  const bits = 8 * bytesPerSecond;
  const [size, unit] =
    bits >= 1e9 ? ([1e9, 'Gbit/s'] as const) : bits >= 1e6 ? ([1e6, 'Mbit/s'] as const) : [1e3, 'kbit/s'];
  return `${formatNumber(bits / size, 2)} ${unit}`;
}
