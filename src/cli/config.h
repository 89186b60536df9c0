/* The configuration file: YAML with a typed schema.
 *
 *     server:                       one section an option group; keys are those of options.c
 *       listen: 127.0.0.1:8080
 *     endpoints:                    which models are served under which names
 *       - name: churn
 *         model: models/churn.json  relative to the file's folder
 */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include "call.h"

#define CLI_CONFIG_NAME "millwright.yaml"
#define CLI_CONFIG_IN_FOLDER "millwright/" CLI_CONFIG_NAME

/* A place in a file, for the excerpt under an error. line 0: unknown. */
typedef struct cli_place {
    unsigned line, column, width;
} cli_place;

/* Read settings and endpoints from YAML text into the call, as CLI_FROM_FILE; endpoints replace
 * those of a weaker file.
 *
 *   name       for messages: "millwright.yaml"
 *   folder     what relative paths are relative to; "" = the working folder
 *   ret_place  where the fault is; also written on failure
 *
 * Fails: MW_BAD_ARGUMENT or MW_BAD_DATA; err->where is "name:line:column". */
MW_CHECKED mw_status cli_config_read(cli_call *call, mw_view text, const char *name,
                                     const char *folder, cli_place *ret_place, mw_error *err);
/* The same for a file; on failure call->excerpt shows the line and a caret under the fault. */
MW_CHECKED mw_status cli_config_load(cli_call *call, const char *path, mw_error *err);

/* The line with a caret under the place:
 *        3 |   wokers: 4
 *          |   ^^^^^^                                                                       */
void cli_write_excerpt(mw_buf *out, mw_view text, cli_place place);

/* The sections of options, one by one in their order: "server", "tls", ... *at begins with 0. */
bool cli_next_section(int *at, mw_view *ret_section);

/* Keys of one entry of `endpoints`. */
typedef struct cli_endpoint_key {
    const char *name, *help;
    bool required;
    cli_option_id option; /* the option whose kind and range it has; CLI_HELP: it is text */
} cli_endpoint_key;
extern const cli_endpoint_key cli_endpoint_keys[];
extern const size_t cli_n_endpoint_keys;

#endif
