/** German of the parts that the first page shows, in one file so that it takes one request. */
export { common } from './common.js'
export { completeness } from './completeness.js'
export { faults } from './faults.js'
export { filters } from './filters.js'
export { format } from './format.js'
export { logs } from './logs.js'
export { session } from './session.js'
export { signIn } from './sign-in.js'
