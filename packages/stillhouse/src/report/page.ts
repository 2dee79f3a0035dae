// The page of a report, and its parts.
import { escaped } from '../chart/svg.js';

const style = [
  'body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}',
  'table{border-collapse:collapse;margin:1rem 0}',
  'td,th{padding:.25rem .75rem;border-bottom:1px solid #ddd;text-align:right}',
  'td:first-child,th:first-child{text-align:left}',
  'pre{background:#f6f6f6;padding:1rem;overflow:auto}',
  'svg{font:11px system-ui,sans-serif;margin:0 1rem 1rem 0}',
  'h2{margin-top:2.5rem}',
  '.note{color:#666}',
].join('');

export const table = (rows: readonly (readonly string[])[]): string => {
  const line = (cells: readonly string[], tag: 'th' | 'td'): string =>
    `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join('')}</tr>`;
  return `<table>${line(rows[0], 'th')}${rows
    .slice(1)
    .map((row) => line(row, 'td'))
    .join('')}</table>`;
};

export const section = (title: string, ...parts: readonly string[]): string =>
  parts.some((part) => part !== '') ? `<h2>${title}</h2>${parts.join('\n')}` : '';

/** @param title as text, the body as HTML */
export const page = (title: string, body: readonly string[]): string =>
  '<!doctype html><html lang="en"><head><meta charset="utf-8">' +
  `<title>${escaped(title)}</title><style>${style}</style></head><body>${body.join('\n')}</body></html>\n`;
