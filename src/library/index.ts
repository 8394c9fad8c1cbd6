/** `import { replay, openMeter } from 'tunmeter'`: docs/library.md. */
export { AppError } from '../base/errors.js'
export { type Meter, type MeterSettings, openMeter } from './open-meter.js'
export { type Replay, type ReplaySettings, replay } from './replay.js'
export type { LoggedSession } from './session-stream.js'
export type { Settings } from './settings.js'
