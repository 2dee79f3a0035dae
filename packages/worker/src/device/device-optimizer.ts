// A phase's optimiser on variables of a session.
import { optimizerOf, type OptimizerConfig } from '@stillhouse/core/training';
import { clipFactor } from '../flat/optimizer.js';
import { DeviceKernels, gradientPlaces, type GradientPlace } from './device-kernels.js';
import type { DeviceVariables } from './device-variables.js';

export class DeviceOptimizer {
  readonly #kernels: DeviceKernels;

  /** @param hostGradient the gradient in host memory: views for each trainable weight, then for each other weight */
  constructor(
    private readonly device: DeviceVariables,
    private readonly config: OptimizerConfig,
    hostGradient: () => readonly Float32Array[],
  ) {
    this.#kernels = new DeviceKernels(device, hostGradient);
  }

  /**
   * Steps the trainable weights, and takes over the others.
   * @param at learning rate of this step, and the step counted from 0
   * @param place where the gradient is
   * @returns whether all trainable weights are finite after it; if not, they are of no use any more
   */
  step(at: { learningRate: number; step: number }, place: GradientPlace): boolean {
    const { config, device } = this;
    const gradient = gradientPlaces[place];
    // There are no addresses: kernels know the variables.
    const isFinite = optimizerOf(config).step({
      ...at,
      config,
      kernels: this.#kernels,
      parameterCount: 0,
      parameters: 0,
      next: 0,
      gradient,
      state: device.state.map((_, i) => i + 1),
      clip: clipFactor(this.#kernels, { count: 0, at: gradient }, config.clipNorm),
    });
    return isFinite === 1;
  }
}
