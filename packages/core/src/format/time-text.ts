// Dates and times that text writes as ISO 8601 does, as the seconds that a table's own dates and times are.

const date = String.raw`(\d{4})-(\d\d)-(\d\d)`;
const timeOfDay = String.raw`(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?`;
const zone = String.raw`\s?(?:[zZ]|([-+])(\d\d)(?::?(\d\d))?)`;
const timestampForm = new RegExp(`^${date}(?:[tT ]${timeOfDay}(?:${zone})?)?$`);
const timeForm = new RegExp(`^${timeOfDay}$`);

/** Days since 1970 in the Gregorian calendar, by counting years from March; NaN if there is no such day. */
function daysOf(year: number, month: number, day: number): number {
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  if (!(day >= 1 && day <= (lengths[month - 1] ?? 0))) return NaN;
  const marchYear = month > 2 ? year : year - 1;
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  return 365 * marchYear + leapDays + dayOfYear - 719_468;
}

/** NaN if there is no such time. */
function secondsOfDay(hour: string, minute: string, second = '0'): number {
  const [h, m, s] = [Number(hour), Number(minute), Number(second)];
  return h < 24 && m < 60 && s < 60 ? 3600 * h + 60 * m + s : NaN;
}

/** Digits beyond microseconds do not count, as in a timestamp of DuckDB. */
function withFraction(seconds: number, digits: string | undefined): number {
  if (digits === undefined || seconds !== seconds) return seconds;
  const microseconds = BigInt(digits.slice(0, 6).padEnd(6, '0'));
  return Number(BigInt(seconds) * 1_000_000n + microseconds) / 1e6;
}

/** Seconds since 1970, UTC if the text names no zone; NaN if it is neither a date nor a date with a time. */
export function secondsOfTimestamp(text: string): number {
  const found = timestampForm.exec(text);
  if (!found) return NaN;
  const [, year, month, day, hour, minute, second, fraction, sign, zoneHours, zoneMinutes = '0'] = found;
  const days = 86_400 * daysOf(Number(year), Number(month), Number(day));
  if (hour === undefined) return days;
  const offset = sign === undefined ? 0 : secondsOfDay(zoneHours!, zoneMinutes) * (sign === '-' ? -1 : 1);
  return withFraction(days + secondsOfDay(hour, minute!, second) - offset, fraction);
}

/** Seconds since midnight; NaN if the text is no time of day. */
export function secondsOfTime(text: string): number {
  const found = timeForm.exec(text);
  if (!found) return NaN;
  const [, hour, minute, second, fraction] = found;
  return withFraction(secondsOfDay(hour!, minute!, second), fraction);
}
