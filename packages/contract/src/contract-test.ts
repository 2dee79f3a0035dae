// A test that any framework can run.

export interface ContractTest {
  readonly name: string;
  /** @throws AssertionError where the implementation does not do as the name says */
  readonly run: () => Promise<void>;
}
