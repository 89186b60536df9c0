/* Models that are served by their address in the record, and follow it: an alias that moves swaps
 * the model. */
#ifndef CLI_FOLLOW_H
#define CLI_FOLLOW_H

#include "house.h"

typedef struct cli_followed {
    const char *name, *address; /* borrowed from the endpoint */
    char *folder;               /* served now, or tried last; owned */
    char *noted;                /* the one that the record says is served; owned, or NULL */
    char *closed;               /* not served for its gates, and told; owned, or NULL */
    bool is_old;                /* `folder` was tried, and what was before goes on */
    bool is_refused;            /* because it breaks clients */
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

#endif
