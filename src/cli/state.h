/* The server's mark in its data folder, by which later commands find it:
 *
 *     mw-data/server-4121-1f3a.json   {"pid":4121,"url":"http://127.0.0.1:8080",...}
 *
 * The file is locked while its server lives, so one that was left behind by kill -9 is known by its
 * free lock, and the next server of the folder removes it. Several servers may share a folder. */
#ifndef CLI_STATE_H
#define CLI_STATE_H

#include "base/base.h"

typedef struct cli_state {
    char path[4096]; /* of the mark; "" = none */
    int fd;          /* holds the lock */
} cli_state;

/* mkdir -p. Fails: MW_IO (MW1103). */
MW_CHECKED mw_status cli_folder_make(const char *folder, mw_error *err);
/* Make the folder if need be, remove stale marks, write this server's.
 * Fails: MW_IO (MW1103); err->where is the folder. */
MW_CHECKED mw_status cli_state_open(cli_state *state, const char *folder, const char *address,
                                    const char *url, mw_error *err);
/* Remove the mark. */
void cli_state_close(cli_state *state);

#endif
