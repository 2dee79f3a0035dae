// A table with its predictions as further columns.
import { expect, test } from 'vitest';
import { predictionsText } from './predictions-text.js';

const table = {
  names: ['a;b', 'prediction'],
  header: ['a;b', 'prediction'],
  rows: [
    ['1,5', 'say "x"'],
    ['2', ''],
  ],
};

test('a table keeps its columns, cells and delimiter; a name that it has is not used again', () => {
  const facts = { classes: null, targets: [] };
  expect(predictionsText([{ values: [1 / 3] }, { values: [2] }], { table, facts }, { delimiter: ';' })).toBe(
    '"a;b";prediction;prediction_\n1,5;"say ""x""";0.3333333\n2;;2\n',
  );
  expect(predictionsText([{ values: [1 / 3] }], { table: undefined, facts }, { delimiter: ',' })).toBe('0.3333333\n');
});

test('several targets by name, with their deviations', () => {
  const targets = [{ name: 'x' }, { name: 'y' }].map((each) => ({ ...each, mean: 0, deviation: 1 }));
  const [first] = predictionsText(
    [{ values: [1, 2], deviations: [3, 4] }],
    { table: { names: ['a'], header: ['a'], rows: [['0']] }, facts: { classes: null, targets } },
    { delimiter: ',' },
  ).split('\n');
  expect(first).toBe('a,prediction_x,prediction_y,deviation_x,deviation_y');
});

test('classes: the probability of the predicted one, or of each', () => {
  const facts = { classes: ['no', 'yes, sir'], targets: [] };
  const of = (probabilities: number[], proba: boolean): string =>
    predictionsText(
      [{ class: 'no', probabilities }],
      { table: { names: ['a'], header: ['a'], rows: [['0']] }, facts },
      { delimiter: ',', proba },
    );
  expect(of([0.75, 0.25], false)).toBe('a,prediction,probability\n0,no,0.75\n');
  expect(of([0.75, 0.25], true)).toBe('a,prediction,probability_no,"probability_yes, sir"\n0,no,0.75,0.25\n');
  expect(() =>
    predictionsText([{ values: [1] }], { table: undefined, facts }, { delimiter: ',', proba: true }),
  ).toThrow(expect.objectContaining({ code: 'USAGE' }));
});

test('the header is as it was, also if no rows follow', () => {
  const index = { names: ['column 1', 'a'], header: ['', 'a'], rows: [['0', '7']] };
  const facts = { classes: null, targets: [] };
  expect(predictionsText([{ values: [2] }], { table: index, facts }, { delimiter: ',' })).toBe(
    ',a,prediction\n0,7,2\n',
  );
  const none = { ...index, rows: [] };
  expect(predictionsText([], { table: none, facts, example: { values: [0] } }, { delimiter: ',' })).toBe(
    ',a,prediction\n',
  );
});
