// For tests that take core apart: its sources are written for every runtime, where a timer may be anything.

declare function clearTimeout(timer: unknown): void
