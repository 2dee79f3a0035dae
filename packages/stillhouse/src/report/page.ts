// The page of a report, and its parts.
import { escaped } from '../chart/svg.js';

const style = [
  ':root{color-scheme:light dark;--text:#222;--page:#fff;--faint:#666;--line:#ddd;--box:#f6f6f6}',
  '@media(prefers-color-scheme:dark){:root{--text:#ddd;--page:#181818;--faint:#999;--line:#444;--box:#262626}}',
  'html{background:var(--page)}',
  'body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:var(--text)}',
  'table{border-collapse:collapse;margin:1rem 0}',
  'td,th{padding:.25rem .75rem;border-bottom:1px solid var(--line);text-align:right}',
  'td:first-child,th:first-child{text-align:left}',
  // A table that is wider than the page is moved by itself.
  '.table{overflow-x:auto}',
  'pre{background:var(--box);padding:1rem;overflow:auto}',
  'svg{font:11px system-ui,sans-serif;margin:0 1rem 1rem 0}',
  // Text without a colour of its own has that of the page.
  'svg[role=img]{fill:currentColor}',
  'h2{margin-top:2.5rem}',
  '.note{color:var(--faint)}',
  'td small{color:var(--faint);white-space:nowrap}',
  'svg{max-width:100%;height:auto}',
  'code{overflow-wrap:anywhere}',
  // On a phone each row becomes a list of its cells.
  '@media(max-width:48rem){tr:has(th){display:none}table,tbody,tr,td{display:block}' +
    'tr{border-bottom:2px solid var(--line)}td,td:first-child{display:flex;justify-content:space-between;gap:1rem;' +
    'border:0;padding:.15rem 0;overflow-wrap:anywhere}td:first-child{font-weight:bold}td[data-of]::before' +
    '{content:attr(data-of);color:var(--faint);font-weight:normal;overflow-wrap:normal;text-align:left}}',
].join('');

/**
 * @param header as text
 * @param rows cells as HTML
 */
export const table = ([header, ...rows]: readonly (readonly string[])[]): string => {
  const names = header.map(escaped);
  const cellOf = (cell: string, name: string | undefined): string =>
    `<td${name ? ` data-of="${name}"` : ''}><span>${cell}</span></td>`;
  const line = (cells: readonly string[]): string =>
    `<tr>${cells.map((cell, i) => cellOf(cell, names[i])).join('')}</tr>`;
  const head = `<tr>${names.map((name) => `<th>${name}</th>`).join('')}</tr>`;
  return `<div class="table"><table>${head}${rows.map(line).join('')}</table></div>`;
};

/**
 * @param meaning what the section shows, in a sentence
 * @returns nothing if all parts are empty
 */
export const section = (title: string, meaning: string, ...parts: readonly string[]): string =>
  parts.some((part) => part !== '')
    ? `<h2>${title}</h2><p class="note">${escaped(meaning)}</p>${parts.join('\n')}`
    : '';

/** @param title as text, the body as HTML */
export const page = (title: string, body: readonly string[]): string =>
  '<!doctype html><html lang="en"><head><meta charset="utf-8">' +
  '<meta name="viewport" content="width=device-width,initial-scale=1">' +
  `<title>${escaped(title)}</title><style>${style}</style></head><body>${body.join('\n')}</body></html>\n`;
