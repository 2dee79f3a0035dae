import { expect, test } from 'vitest';
import { unitedType } from './unite-types.js';

test.each<[types: string[], united: string | undefined]>([
  [['VARCHAR', 'VARCHAR'], 'VARCHAR'],
  [['BIGINT', 'DOUBLE'], 'DOUBLE'],
  [['FLOAT', 'DECIMAL(10,2)'], 'DOUBLE'],
  [['TINYINT', 'INTEGER'], 'INTEGER'],
  [['UTINYINT', 'USMALLINT'], 'USMALLINT'],
  [['UTINYINT', 'TINYINT'], 'SMALLINT'],
  [['UBIGINT', 'INTEGER'], 'HUGEINT'],
  [['UHUGEINT', 'INTEGER'], undefined],
  [['BOOLEAN', 'BIGINT'], 'BIGINT'],
  [['BOOLEAN', 'DOUBLE'], 'DOUBLE'],
  [['DATE', 'TIMESTAMP'], 'TIMESTAMP'],
  [['TIMESTAMP_MS', 'TIMESTAMP_NS'], 'TIMESTAMP_NS'],
  [['DATE', 'TIMESTAMP WITH TIME ZONE'], undefined],
  [['DATE', 'TIME'], undefined],
  [['DATE', 'BIGINT'], undefined],
  [['VARCHAR', 'BIGINT'], undefined],
  [['VARCHAR', "ENUM('a')"], 'VARCHAR'],
  [['BIGINT[]', 'DOUBLE[]'], undefined],
])('%j', (types, united) => {
  expect(unitedType(types)).toBe(united);
  expect(unitedType([...types].reverse())).toBe(united);
});
