@rem For npm scripts on Windows, where `exec` is no command of the shell. Elsewhere it hands the shell's place to the
@rem program, without which a SIGTERM to npm ends at the shell.
@%*
