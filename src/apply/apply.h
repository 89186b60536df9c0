/* apply: what a record shall be, from a document; what differs is changed.
 *
 *     models:
 *       - name: credit
 *         description: probability of default
 *         gates: {require: [validation, fairness], approvals: 1, approvers: [ada], aliases:
 * [champion]} endpoints:
 *       - {name: credit, model: models:/credit@champion, latency_budget: 50ms}
 *     rollouts:
 *       - {endpoint: credit, model: credit/3, strategy: canary, steps: [5, 25, 100]}
 *
 *     references: {credit: /srv/credit/profile.json}
 *     monitors:
 *       - {endpoint: credit, fairness: {groups: [sex, "age(25,60)"], limits: none}}
 *
 * Other sections are not looked at. References and monitors are settings of their endpoints, too.
 * Keys of endpoints but name and model are settings: texts that whoever serves understands.
 */
#ifndef APPLY_APPLY_H
#define APPLY_APPLY_H

#include "base/base.h"
#include "registry/registry.h"

typedef struct mw_apply_place {
    unsigned line, column, width; /* 0: unknown */
} mw_apply_place;

typedef struct mw_apply_model {
    mw_view name, description; /* description absent: it stays as it is */
    bool has_gates;            /* else the policy stays as it is */
    mw_gate_policy gates;
} mw_apply_model;

typedef struct mw_apply_endpoint {
    mw_view name, model, settings; /* settings as in mw_record_endpoint */
    bool is_file;                  /* a path: no record can serve it to others */
    bool has_paths;                /* settings name files of the server's machine */
    bool is_partial; /* of `references` and `monitors` alone: all else of it stays as it is */
} mw_apply_endpoint;

/* Texts live in the arena that it was read into. */
typedef struct mw_apply_document {
    mw_apply_model *models;
    mw_apply_endpoint *endpoints;
    mw_rollout_document *rollouts; /* each with model and endpoint */
    size_t n_models, n_endpoints, n_rollouts;
    bool has_endpoints; /* the section is there, be it empty */
} mw_apply_document;

/* file: for messages, err->where gets "file:line:column".
 * Fails: MW_BAD_ARGUMENT (MW8912, of rollouts MW8901), MW_NO_MEMORY. */
MW_CHECKED mw_status mw_apply_read(const mw_yaml *root, const char *file, mw_arena *arena,
                                   mw_apply_document *ret_document, mw_apply_place *ret_place,
                                   mw_error *err);

typedef enum mw_difference_action {
    MW_DIFFER_ADD,
    MW_DIFFER_SET,
    MW_DIFFER_REMOVE,
    MW_DIFFER_START,   /* a rollout */
    MW_DIFFER_NOTE,    /* nothing is done, and `after` says why */
    MW_DIFFER_REFUSED, /* what is asked for is not so, and is not made so; `after` says why */
    MW_N_DIFFERENCE_ACTIONS
} mw_difference_action;

extern const char *const mw_difference_action_names[MW_N_DIFFERENCE_ACTIONS];

typedef struct mw_difference {
    mw_difference_action action;
    const char *kind;                   /* "model", "gates", "endpoint", "rollout" */
    mw_view name, field, before, after; /* field, before, after may be absent */
} mw_difference;

typedef struct mw_differences {
    mw_difference *items;
    size_t count;
} mw_differences;

/* An endpoint that a server was started with: its own model and settings hold there, whatever the
 * record says. */
typedef struct mw_apply_own {
    const char *name, *model;
} mw_apply_own;

typedef struct mw_apply_options {
    bool dry_run, prune;
    const mw_apply_own *own; /* of the server that is asked; what it leaves alone is noted */
    size_t n_own;
    /* Asked before what only an admin may: a gate policy, a path on the server's machine. NULL:
     * all may. */
    mw_status (*may)(void *user, mw_error *err);
    void *user;
} mw_apply_options;

/* Make the record so, or nothing of it. Not inside a transaction; reads the models of rollouts that
 * are to start. ret_changes lives in the arena; empty: it was so already.
 * Fails: as the doors of the record; as `may`. */
MW_CHECKED mw_status mw_apply_run(mw_registry *registry, const mw_actor *actor, mw_arena *arena,
                                  const mw_apply_document *document,
                                  const mw_apply_options *options, mw_differences *ret_changes,
                                  mw_error *err);

/* {"changes":[{"action","kind","name","field","before","after"}],"applied":true} */
void mw_apply_tell(const mw_differences *changes, bool is_applied, mw_buf *out);
/* Members "models", "references", "monitors" and "rollouts" of a JSON Schema. */
void mw_apply_schema(mw_buf *out);

#endif
