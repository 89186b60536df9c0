/* What `mw apply` found to differ: of the record, as JSON that either door gives, and of a server's
 * alert rules. */
#ifndef CLI_APPLY_CHANGES_H
#define CLI_APPLY_CHANGES_H

#include "apply/apply.h"
#include "call.h"
#include "net/net.h"

enum { CLI_APPLY_CHANGES_MAX = 4096 };

/* Texts live in the call's arena. */
typedef struct cli_changes {
    mw_difference *items; /* room for CLI_APPLY_CHANGES_MAX */
    size_t count;
} cli_changes;

MW_CHECKED mw_status cli_changes_add(cli_changes *changes, const mw_difference *change,
                                     mw_error *err);
/* A copy in the call's arena; absent when the text is, or memory is gone. */
mw_view cli_changes_keep(cli_call *call, mw_view text);

/* The alert rules of the configuration against those of the server, which is made so, unless it is
 * a dry run. Receivers are only told. */
MW_CHECKED mw_status cli_apply_rules(cli_call *call, mw_client *client, cli_changes *changes,
                                     mw_error *err);
/* One call, whose answer must be 200; *ret_body is valid until the next. Fails: MW_IO (MW8913). */
MW_CHECKED mw_status cli_apply_ask(mw_client *client, const char *method, const char *path,
                                   mw_view body, mw_view *ret_body, mw_error *err);

#endif
