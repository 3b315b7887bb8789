export { gate, until } from '../../src/support.js'
