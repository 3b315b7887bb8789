export { describeDriver } from './describe-driver.js'
export type { Capability, DriverSpec, Opened } from './driver-spec.js'
