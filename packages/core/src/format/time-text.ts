// Dates and times that text writes as ISO 8601 does, as the seconds that a table's own dates and times are.

const form = /^(\d{4}-\d\d-\d\d)(?:[tT ](\d\d:\d\d)(?:(:\d\d)(\.\d+)?)?\s?(?:[zZ]|([-+]\d\d):?(\d\d)?)?)?$/;

/**
 * Seconds since 1970, UTC if the text names no zone; NaN if it is neither a date nor a date with a time. Digits beyond
 * microseconds do not count, as in a timestamp of DuckDB.
 */
export function secondsOfTimestamp(text: string): number {
  const [, date, clock = '00:00', second = ':00', fraction, hours = '+00', minutes = '00'] = form.exec(text) ?? [];
  const local = `${date}T${clock}`;
  // The calendar, not the clock. Engines take February 30 for a day in March, and 24:00 for the next day.
  // oxlint-disable-next-line no-restricted-globals
  if (!new Date(`${local}Z`).toJSON()?.startsWith(local)) return NaN;
  // oxlint-disable-next-line no-restricted-globals
  const seconds = Date.parse(`${local}${second}${hours}:${minutes}`) / 1000;
  return fraction ? (seconds * 1e6 + Number(fraction.slice(1, 7).padEnd(6, '0'))) / 1e6 : seconds;
}

/** Seconds since midnight; NaN if the text is no time of day. */
export const secondsOfTime = (text: string): number =>
  /^[\d:.]+$/.test(text) ? secondsOfTimestamp(`1970-01-01T${text}`) : NaN;

/**
 * A date, with its time unless that is midnight, or a time of day: a text that is read as these seconds, to a
 * millisecond.
 */
export function textOfTime(seconds: number, notation: 'timestamp' | 'time'): string {
  // oxlint-disable-next-line no-restricted-globals
  const [date, clock] = new Date(Math.round(seconds * 1000)).toISOString().slice(0, -1).split('T') as [string, string];
  const time = clock.replace(/(?::00)?\.000$/, '');
  if (notation === 'time') return time;
  return time === '00:00' ? date : `${date} ${time}`;
}
