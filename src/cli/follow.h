/* Models that are served by their address in the record, and follow it: an alias that moves swaps
 * the model. */
#ifndef CLI_FOLLOW_H
#define CLI_FOLLOW_H

#include "house.h"

typedef struct cli_followed {
    const char *name, *address;   /* borrowed from the endpoint, or the next two */
    char *own_name, *own_address; /* of an endpoint of the record; NULL else */
    char *folder;                 /* served now, or tried last; owned */
    char *noted;                  /* the one that the record says is served; owned, or NULL */
    char *closed;                 /* not served for its gates, and told; owned, or NULL */
    bool is_old;                  /* `folder` was tried, and what was before goes on */
    bool is_refused;              /* because it breaks clients */
    /* of an endpoint of the record (follow_record.c) */
    char *settings, *told; /* owned; told: why it is not served, as it was logged */
    bool is_wanted;        /* it stands in the record */
    bool is_in, was_in;    /* the fleet serves it; it once did */
} cli_followed;

/* How often the record is looked at, where something is followed. */
enum { CLI_FOLLOW_MS = 500 };

/* Resolve an endpoint's address to a folder, and remember it. Where the address leads to what would
 * break the clients of what was served before a restart, that is served again. Fails as
 * mw_registry_check_out; MW_BAD_ARGUMENT when there is no record. */
MW_CHECKED mw_status cli_follow_add(cli_house *house, const cli_endpoint *endpoint,
                                    const char **ret_folder, mw_error *err);
/* Swap what leads elsewhere than before; what cannot be loaded, or would break clients and was not
 * accepted, is logged, once, and the old model goes on. On the main thread: loading may take long.
 */
void cli_follow_look(cli_house *house);
void cli_follow_done(cli_house *house);

/* ---- between the two files ------------------------------------------------------------------- */

/* Where the address leads, if its gates are open; the folder is kept in `followed`. Fails as
 * mw_registry_check_out, mw_registry_check_gates. */
MW_CHECKED mw_status cli_follow_resolve(cli_house *house, cli_followed *followed, mw_error *err);
/* One more, zeroed but for the name and address given; NULL when memory is gone. Moves the others.
 */
cli_followed *cli_follow_push(cli_house *house, const cli_followed *followed);
void cli_follow_note(cli_house *house, cli_followed *followed);
/* The endpoints of the record: new ones are served, changed ones led elsewhere, others unloaded. */
void cli_follow_record(cli_house *house);
/* Whether it is served; an endpoint of the record that is not is tried again. */
bool cli_follow_is_in(cli_house *house, cli_followed *followed);

#endif
