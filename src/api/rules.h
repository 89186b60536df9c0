/* What each address needs: the one table of who may do what over HTTP and gRPC.
 *
 *     method, path pattern -> when it is asked, role, on what
 *
 * A test compares it with the routers' own tables: no address is without a rule. At run time one
 * without a rule would need an admin. It holds when the server asks who is there (--auth on). */
#ifndef API_RULES_H
#define API_RULES_H

#include "net/net.h"
#include "registry/registry.h"

typedef enum api_when {
    API_OPEN,    /* nobody is asked */
    API_GUARDED, /* where the endpoint is guarded (--guarded), or all of them are */
    API_METRICS, /* where metrics are (--metrics-auth) */
    API_ALWAYS
} api_when;

/* Which object a role is needed on. Scoped roles reach their objects only. */
typedef enum api_object {
    API_OBJECT_SERVER,   /* everything: scoped roles do not reach it */
    API_OBJECT_ANY,      /* whoever is known and has a role on something */
    API_OBJECT_LISTED,   /* likewise; the answer holds what the role reaches */
    API_OBJECT_ENDPOINT, /* {name} of the path; gRPC: the message's model */
    /* of requests about the record: found in their fields */
    API_OBJECT_EXPERIMENT,
    API_OBJECT_EXPERIMENT_NAMED,
    API_OBJECT_EXPERIMENT_OF_SPANS, /* of a header */
    API_OBJECT_EXPERIMENTS,         /* each of a list */
    API_OBJECT_RUN,                 /* its experiment; of logged models and artifacts likewise */
    API_OBJECT_RUNS,                /* likewise, each of a list */
    API_OBJECT_LOGGED_MODEL,
    API_OBJECT_TRACE,
    API_OBJECT_TRACES,        /* each of a list */
    API_OBJECT_TRACES_OF_RUN, /* and the run */
    API_OBJECT_EVALUATION,    /* a data set: to look, one of its experiments; to change, each */
    API_OBJECT_EVALUATION_TO, /* and the experiments that are named */
    API_OBJECT_NEW_EVALUATION,
    API_OBJECT_RUN_OR_MODEL, /* whichever is named; both, when both are */
    API_OBJECT_ARTIFACT,
    API_OBJECT_MODEL,
    API_OBJECT_MODEL_RENAMED, /* and its new name */
    API_OBJECT_OF_ENDPOINT,   /* {name} of the path, or the field "endpoint" */
    API_OBJECT_ROLLOUT,       /* its endpoint: {id} of the path */
    API_OBJECT_NEW_VERSION    /* and, to view, where its files come from */
} api_object;

typedef struct api_rule {
    unsigned methods; /* bit per mw_method */
    const char *path; /* as the router writes it */
    api_when when;
    mw_role role;
    api_object object;
} api_rule;

const api_rule *api_rules(size_t *ret_count);
/* Never NULL. `path` is the router's pattern. */
const api_rule *api_rule_of(mw_method method, const char *path);

#endif
