// A test that any framework can run.

export interface ContractTest {
  readonly name: string;
  /** @throws AssertionError if the implementation does not do what the name says */
  readonly run: () => Promise<void>;
}
