// Layers that hand on what they get in inference.

/** Their classes in Keras, whatever their settings. */
export const idleLayers: ReadonlySet<string> = new Set([
  'ActivityRegularization',
  'Identity',
  'RandomContrast',
  'RandomFlip',
  'RandomRotation',
  'RandomTranslation',
  'RandomZoom',
  'SpatialDropout2D',
  'SpatialDropout3D',
]);
