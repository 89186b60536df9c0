/* cli: the command line. One table of commands and options drives parsing, help, completion, the
 * man page, the reference pages and the configuration schema; one file a command wires the rooms.
 *
 *     argv, environment, YAML files --> settings (value and origin of each option) --> one command
 *                                                                                        |
 *     stdout: the result     stderr: progress, log, errors     exit code: see `mw help exit-codes`
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

/* The whole program. Returns the exit code. Signals and standard streams are the process's own:
 * call it once, from main. */
int mw_cli_main(int argc, char **argv);

#endif
