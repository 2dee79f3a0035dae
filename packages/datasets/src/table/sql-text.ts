// Texts and names as parts of SQL.

export const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
export const listed = (texts: readonly string[]): string => `[${texts.map(quoted).join(', ')}]`;
export const named = (name: string): string => `"${name.replaceAll('"', '""')}"`;
