/* A model on this machine becomes a version of a registered model in a server's record, as MLflow's
 * clients would make it: a run that holds its files, and a version of that run. */
#ifndef CLI_REGISTER_H
#define CLI_REGISTER_H

#include "call.h"
#include "net/net.h"

typedef struct cli_registration {
    const char *name;  /* of the registered model; made when it is missing, as its experiment is */
    const char *path;  /* a model file, or an MLflow model folder */
    const char *alias; /* that leads to it afterwards; NULL: none */
    int64_t version;   /* written */
} cli_registration;

/* The model is read first: what no server could serve is not registered.
 * Fails: as mw_forest_load; MW_IO (MW8913) the server refuses, in its own words. */
MW_CHECKED mw_status cli_register(mw_client *client, mw_arena *arena,
                                  cli_registration *registration, mw_error *err);

/* A call whose answer is JSON; *ret_answer is freed by the caller. Fails: MW_IO (MW8913). */
MW_CHECKED mw_status cli_ask_json(mw_client *client, const char *method, const char *path,
                                  const mw_buf *body, mw_json **ret_answer, mw_error *err);

#endif
