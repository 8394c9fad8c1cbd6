/** German of the parts that the first page shows, in one file so that it takes one request. */
export { format } from './format.js'
