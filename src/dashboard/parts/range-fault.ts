import { MomentFault } from '../../session/moment.js'
import { RangeFault } from '../state/typed-range.js'
import { common } from '../texts/common.js'

/** What is wrong with a typed time range. Throws any other error again. */
export function rangeFaultText(error: unknown): string {
  if (!(error instanceof RangeFault || error instanceof MomentFault)) throw error
  const texts = common()
  switch (error.code) {
    case 'endFirst':
      return texts.endAfterStart
    case 'notBegun':
      return texts.monthNotBegun
    case 'noSuchDay':
      return texts.noSuchDay
    case 'skipped':
      return texts.timeSkipped
    case 'expected':
      return texts.timeExpected
  }
}
