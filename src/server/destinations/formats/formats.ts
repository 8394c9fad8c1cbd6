/** The formats that a destination can choose for its events. */
import { z } from 'zod'
import type { EventWriter } from '../events.js'
import { ecsWriter } from './ecs.js'
import { nativeWriter } from './native.js'
import { ocsfWriter } from './ocsf.js'

export const FORMATS: Readonly<Record<string, (columns: readonly string[] | null) => EventWriter>> =
  { native: nativeWriter, ecs: ecsWriter, ocsf: ocsfWriter }

export const eventsSchema = z.enum(['native', 'ecs', 'ocsf']).default('native').meta({
  description:
    'native: the fields of an export; ecs: Elastic Common Schema; ocsf: Network Activity (4001).',
})
