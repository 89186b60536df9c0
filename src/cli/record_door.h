/* How commands come into a record: beside a server that may have it open, under the name of the
 * person at the terminal. */
#ifndef CLI_RECORD_DOOR_H
#define CLI_RECORD_DOOR_H

#include "call.h"
#include "registry/registry.h"

typedef struct cli_record_door {
    mw_registry *registry;
    mw_arena arena; /* what comes out lives here */
    mw_actor actor; /* "local:ada", from "cli" */
    char name[128];
} cli_record_door;

/* The record of --record. make: when there is none. Must be closed, also after a failure.
 * Fails: MW_BAD_ARGUMENT (MW1107) none is named; as mw_registry_open_beside. */
MW_CHECKED mw_status cli_door_open(const cli_call *call, bool make, cli_record_door *ret_door,
                                   mw_error *err);
void cli_door_close(cli_record_door *door);
MW_CHECKED mw_status cli_door_write(cli_record_door *door, mw_record_work *work, void *user,
                                    mw_error *err);
MW_CHECKED mw_status cli_door_read(cli_record_door *door, mw_record_work *work, void *user,
                                   mw_error *err);

/* A text among the files of the model at `address`, in place of an older one.
 * Fails: as cli_door_open, mw_record_put_beside. */
MW_CHECKED mw_status cli_keep_beside(const cli_call *call, const char *address, const char *path,
                                     mw_view text, mw_error *err);

/* Who types: "local:ada", from "cli". The actor borrows the name. */
void cli_name_actor(char *name, size_t size, mw_actor *ret_actor);

/* What --role, --experiment, --model and --endpoint say; the object is as people name it. */
MW_CHECKED mw_status cli_read_grant(const cli_call *call, mw_grant *ret_grant, mw_error *err);
/* "90d", "12h", "never", "2027-01-31" or "2027-01-31T12:00:00Z" -> ms since 1970, 0 = never;
 * durations from now on, or back from now. */
MW_CHECKED mw_status cli_read_moment(const char *text, bool is_ahead, int64_t *ret_ms,
                                     mw_error *err);
/* "2027-01-31T12:00:00Z"; "-" for 0. */
void cli_write_when(mw_buf *out, int64_t ms);
/* A password from standard input (--password-stdin), or asked for on the terminal, twice, without
 * echo. The caller wipes it. Fails: MW_BAD_ARGUMENT (MW1108). */
MW_CHECKED mw_status cli_read_password(const cli_call *call, char *ret_password, size_t size,
                                       mw_error *err);

#endif
