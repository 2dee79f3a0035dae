// Things that happen to a cluster, each small enough to be read: their transcripts are kept in transcripts/ and
// compared, so that a change of what a cluster does shows as a change of text.
import { parseRecipe, type Job } from '@stillhouse/core';
import { simulate } from './cluster.js';
import { setOf, type Fault, type Scenario } from './scenario.js';

interface Story {
  readonly tells: string;
  readonly change?: Partial<Scenario>;
  readonly faults: readonly (Fault & { readonly atMs: number })[];
  /** More of the recipe. */
  readonly recipe?: object;
}

const ranks = 4;
const training = {
  model: { layers: [{ dense: 1 }] },
  epochs: 4,
  batch: 8,
  optimizer: { name: 'sgd', learningRate: 0.1 },
};

function jobOf(more: object): Job {
  const source = { generator: 'noise', rows: 1 };
  return {
    runId: 'story',
    recipe: parseRecipe({
      seed: 1,
      ranks,
      loss: 'mse',
      data: { large: source, small: source, test: source },
      teacher: training,
      ...more,
    }),
    assets: {},
    dataset: {
      inputShape: [1],
      columns: [],
      classes: null,
      outputs: 1,
      labelCount: 1,
      targets: [],
      sets: { large: setOf(48), small: setOf(16), test: setOf(8) },
    },
  };
}

/** Three workers on a quick network without faults of its own. */
const scenarioOfStory = ({ change = {}, faults, recipe = {} }: Story): Scenario => ({
  seed: 1,
  job: jobOf(recipe),
  tuned: undefined,
  model: { parameters: 8, otherWeights: 0 },
  workers: 3,
  minWorkers: 1,
  speedsMs: [10, 10, 10, 10],
  workersPerHost: 1,
  minDelayMs: 1,
  maxDelayMs: 2,
  duplicates: 0,
  losses: 0,
  skews: [{ rate: 1, offsetMs: 0 }],
  checkpointEveryMs: 200,
  heartbeatTimeoutMs: 4000,
  faults,
  calmAtMs: 60_000,
  ...change,
});

export const stories: Readonly<Record<string, Story>> = {
  'a worker dies in a reduce': {
    tells: 'Its ranks move to the others, and training goes on at the step that was lost.',
    faults: [{ kind: 'a worker crashes', worker: 2, isNoticed: true, backAfterMs: undefined, atMs: 240 }],
  },
  'a worker dies in a round': {
    tells: 'Ranks take four steps between exchanges; the others take its ranks, and the round begins again.',
    recipe: { sync: { every: 4 } },
    faults: [{ kind: 'a worker crashes', worker: 2, isNoticed: true, backAfterMs: undefined, atMs: 240 }],
  },
  'the coordinator is replaced': {
    tells: 'It freezes, another one takes over, and the first one is fenced off when it wakes up.',
    faults: [{ kind: 'the coordinator freezes', forMs: 3000, isReplaced: true, atMs: 240 }],
  },
  'the coordinator crashes': {
    tells: 'Workers go on without it; its successor takes them over.',
    faults: [
      {
        kind: 'the coordinator crashes',
        isNoticed: true,
        isTorn: false,
        losesRecords: false,
        backAfterMs: 500,
        atMs: 240,
      },
    ],
  },
  'a broken link heals': {
    tells: 'A link between two workers breaks; they connect again, and the step is repeated.',
    faults: [{ kind: 'a link breaks', worker: 1, atMs: 240 }],
  },
  'two workers cannot reach each other': {
    tells: 'One of them is left out for a while, since a step needs both.',
    faults: [{ kind: 'a partition', from: 0, to: 2, bothWays: true, forMs: 60_000, atMs: 240 }],
  },
  'a worker greets nobody': {
    tells: 'The others connect to it and wait in vain; after three attempts they begin without it.',
    faults: [{ kind: 'a worker greets nobody', worker: 1, atMs: 0 }],
  },
  'a worker drains': {
    tells: 'It is asked to leave, finishes the step, and hands its ranks over.',
    faults: [{ kind: 'a worker is asked to leave', worker: 0, backAfterMs: undefined, atMs: 240 }],
  },
  'a worker joins': {
    tells: 'It gets the training state from another worker, and ranks at the next step.',
    faults: [{ kind: 'a worker joins', atMs: 240 }],
  },
  'a checkpoint is restored': {
    tells: 'Everything crashes; training goes on from the newest checkpoint.',
    recipe: { teacher: { ...training, epochs: 14, batch: 4 } },
    faults: [{ kind: 'everything crashes', backAfterMs: 100, isSpoiled: false, atMs: 2300 }],
  },
  'a damaged checkpoint is passed over': {
    tells: 'Everything crashes and the newest checkpoint is damaged; training goes on from the one before it.',
    recipe: { teacher: { ...training, epochs: 14, batch: 4 } },
    faults: [{ kind: 'everything crashes', backAfterMs: 100, isSpoiled: true, atMs: 2300 }],
  },
  'a straggler gives up its ranks': {
    tells: 'One worker becomes slow; ranks move to those that are faster.',
    recipe: { teacher: { ...training, epochs: 10 } },
    change: { checkpointEveryMs: Infinity },
    faults: [{ kind: 'a worker becomes slow', worker: 1, factor: 12, atMs: 240 }],
  },
  'a spare takes over': {
    tells: 'There are more workers than ranks; one that has ranks dies, and the spare takes them.',
    recipe: { ranks: 2 },
    faults: [{ kind: 'a worker crashes', worker: 0, isNoticed: true, backAfterMs: undefined, atMs: 240 }],
  },
  'a student is tuned': {
    tells: 'Between teacher and student workers wait for the search.',
    recipe: { student: training, distill: { tune: {} } },
    change: { tuned: { values: { 'student.epochs': 2, 'student.batch': 8 }, takesMs: 300 } },
    faults: [],
  },
};

/** What a story's file holds: its sentence, and what the coordinators said with what happened to the cluster. */
export async function tellStory(name: string): Promise<string> {
  const story = stories[name];
  const scenario = scenarioOfStory(story);
  const { transcript, problems } = await simulate(scenario);
  const lines = transcript.filter(
    (line) => / ms {2}(coordinator|FAULT)/.test(line) && !/ (progress|phaseStarted) /.test(line),
  );
  const { workers, job } = scenario;
  return `${[
    `${name}: ${story.tells}`,
    `${job.recipe.ranks} ranks on ${workers} workers`,
    ...lines,
    ...(problems.length ? ['PROBLEMS', ...problems] : ['held']),
  ].join('\n')}\n`;
}
