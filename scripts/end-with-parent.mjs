// Preloaded into a program that runs in a process group of its own: when its parent is killed without a chance to pass
// the signal on, the program is told to stop here, and does not stay behind.
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
process.channel?.unref()
