// What is known of a phase's time before it runs.
/** What a phase would take on one worker, from a few steps of it. */
export interface PhaseTime {
  /** Steps that were timed, after others that warm up. */
  readonly timedSteps: number;
  /** Mean of the timed steps. */
  readonly secondsPerStep: number;
  /** All steps of all epochs, the evaluation after each, and that of the test rows. */
  readonly seconds: number;
}
