/* Labels find their predictions at whichever server of a record made them. */
#ifndef CLI_LABEL_SHARING_H
#define CLI_LABEL_SHARING_H

#include "journal/journal.h"
#include "registry/registry.h"

typedef struct cli_label_sharing cli_label_sharing;

/* Starts its thread. Both are borrowed. *ret_sharing is NULL where there is no prediction log, or
 * the record is this server's alone. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status cli_label_sharing_start(mw_registry *registry, mw_journal *journal,
                                             cli_label_sharing **ret_sharing, mw_error *err);
/* Before the registry and the journal. NULL is fine. */
void cli_label_sharing_end(cli_label_sharing *sharing);

#endif
