// A line of a log as people read it: time, message, and what is short of the rest.
import { formatTime, type LogLine } from 'stillhouse';

/** Longer values are cut; `--json` prints them whole. */
const valueLength = 100;

const cut = (text: string): string => (text.length > valueLength ? `${text.slice(0, valueLength - 1)}…` : text);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const valueText = (value: unknown): string =>
  typeof value === 'string' ? value.replaceAll(/\s*\n\s*/g, ' | ') : JSON.stringify(value);

/** `key=value`; objects as `key.key=value`. */
function fieldsOf(fields: Readonly<Record<string, unknown>>, prefix = ''): string[] {
  return Object.entries(fields).flatMap(([key, value]) =>
    isObject(value) ? fieldsOf(value, `${prefix}${key}.`) : [`${prefix}${key}=${cut(valueText(value))}`],
  );
}

/** Lines that something else wrote, such as an engine, stay as they are. */
export function logText({ raw, at, message, fields = {} }: LogLine): string {
  if (at === undefined) return raw;
  const { notice, ...others } = fields;
  // Its type is the message.
  const { type: _type, ...noticed } = isObject(notice) ? notice : {};
  return [formatTime(at), message, fieldsOf({ ...noticed, ...others }).join(' ')].filter((part) => part).join('  ');
}
