/** German of the parts that the first page shows, in one file so that it takes one request. */
export { common } from './common.js'
export { format } from './format.js'
