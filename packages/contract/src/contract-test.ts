/** One thing that an implementation has to do. */
export interface ContractTest {
  /** What holds, as a sentence. */
  readonly name: string;
  /** Rejects with an AssertionError of node:assert if it does not. */
  readonly run: () => Promise<void>;
}

/** What a contract tests, made anew for each of its tests. */
export type Make<Subject> = () => Subject | Promise<Subject>;

/** Tests of subjects, as tests of their own: each makes its subject, and lets go of it. */
export function contractOf<Subject extends { close?(): Promise<void> }>(
  make: Make<Subject>,
  tests: Readonly<Record<string, (subject: Subject) => Promise<void>>>,
): ContractTest[] {
  return Object.entries(tests).map(([name, test]) => ({
    name,
    run: async () => {
      const subject = await make();
      try {
        await test(subject);
      } finally {
        await subject.close?.();
      }
    },
  }));
}
