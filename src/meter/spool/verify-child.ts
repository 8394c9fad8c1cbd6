/** Entry point of the process that verifyInChild() starts: argv is the directory and the map's size. */
import { messageOf } from '../../base/errors.js'
import { type ChildMessage, verifyStore } from './verify.js'

const [directory = '', mapBytes = '0'] = process.argv.slice(2)
const message: ChildMessage = await verifyStore(directory, Number(mapBytes)).catch((error) => ({
  error: messageOf(error),
}))
process.send?.(message, () => process.exit())
