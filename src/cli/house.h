/* The rooms wired together: a fleet of models behind the protocols behind a server. What `serve`
 * and `demo` share. */
#ifndef CLI_HOUSE_H
#define CLI_HOUSE_H

#include "alert/alert.h"
#include "call.h"
#include "journal/journal.h"
#include "monitor/monitor.h"
#include "observe/observe.h"
#include "serve/serve.h"

typedef struct mw_api mw_api;           /* of api/api.h, which only house.c opens */
typedef struct mw_registry mw_registry; /* of registry/registry.h, likewise */

/* Cores this process may use: affinity mask and container quota; at least 1. */
unsigned cli_cores(void);

/* Open files that a server of so many connections wants. */
uint64_t cli_files_wanted(uint64_t max_connections);
/* Raise the limit of open files to `wanted`, or as far as it may be raised: what it is now. */
uint64_t cli_files_raise(uint64_t wanted);

/* Users and tokens that may come in; arena: for what is read. Fails as mw_registry_read does. */
mw_status cli_count_people(mw_registry *registry, mw_arena *arena, size_t *ret_count,
                           mw_error *err);

/* Who is told that what is served has changed. */
typedef struct cli_told {
    mw_server *server;
    mw_monitor *monitor;
} cli_told;

typedef struct cli_house {
    const cli_call *call; /* whose settings hold for what the record adds later */
    mw_fleet *fleet;
    mw_api *api;
    mw_server *server;
    mw_observer *observer;
    mw_monitor *monitor;             /* NULL: nothing is watched */
    mw_journal *journal;             /* NULL: predictions are not kept */
    mw_alerts *alerts;               /* NULL: --alerts off */
    struct cli_watching *watching;   /* likewise (watching.h) */
    struct cli_explained *explained; /* explained.h */
    cli_told *told;
    mw_registry *registry;         /* NULL: no record is kept */
    struct cli_followed *followed; /* models served by their address in the record (follow.h) */
    size_t n_followed;
    uint64_t n_writes_seen;
    int64_t epoch_seen;                /* of what other processes change (mw_record_deploy_epoch) */
    struct mw_conductor *conductor;    /* NULL: no record */
    struct cli_watch_sharing *sharing; /* NULL: nobody to watch with */
    struct cli_label_sharing *labels;  /* the same of labels */
    bool breaks_contracts;             /* --contract warn */
    mw_tls *tls;                       /* NULL: not spoken */
    char url[300]; /* of the first listener: "http://127.0.0.1:8080", "unix:/run/mw.sock" */
} cli_house;

/* house: stays where it is until it is closed. Make a report as `mw report` does, of the house that
 * is the user (report_maker.c). */
struct mw_report_wish;
mw_status cli_make_report(void *house, const struct mw_report_wish *wish, mw_error *err);

/* "https://127.0.0.1:8443", "unix:/run/mw.sock". */
void cli_write_url(const mw_listener *listener, char *ret_url, size_t url_size);

/* Load the models and bind the address; nothing is accepted until cli_house_start.
 *
 *   endpoints  borrowed for the call; at least one, or a record; their load_ns is written
 *   listen     "127.0.0.1:8080 unix:/run/mw.sock", as cli_read_listen gives it
 *
 * Fails: as loading a model does; MW_CONFLICT (MW1101) when the address is in use; MW_BAD_ARGUMENT
 * (MW1102) when it is public and --allow-public was not said. */
MW_CHECKED mw_status cli_house_open(const cli_call *call, cli_endpoint *endpoints,
                                    size_t n_endpoints, const char *listen, cli_house *ret_house,
                                    mw_error *err);
/* Whether a server could listen there: one item of --listen in its normal form. Nothing is left
 * behind. Fails: as cli_house_open does of an address. */
MW_CHECKED mw_status cli_house_try_address(const cli_call *call, const char *listen, mw_error *err);
/* What the server says of all endpoints, and this one of itself; NULL: of all. */
mw_admission cli_limits_of(const cli_call *call, const cli_endpoint *endpoint);
MW_CHECKED mw_status cli_house_start(cli_house *house, mw_error *err);
/* Ends the server and frees everything. An all-zero house is fine. */
void cli_house_close(cli_house *house);

/* ---- endpoint.c ------------------------------------------------------------------------------ */

/* "churn=models/v3.json" -> {"churn", "models/v3.json"}; "models/v3.json" -> {"v3", ...}.
 * Text is kept in the arena. Fails: MW_BAD_ARGUMENT (MW1011). */
MW_CHECKED mw_status cli_endpoint_read(const char *text, mw_arena *arena,
                                       cli_endpoint *ret_endpoint, mw_error *err);
/* How many models are to be served: those on the command line, which replace those of the
 * configuration. */
size_t cli_endpoints_wanted(const cli_call *call);
/* The i-th of them, with a name. Fails: MW_BAD_ARGUMENT (MW1011). */
MW_CHECKED mw_status cli_endpoint_wanted(const cli_call *call, size_t i, mw_arena *arena,
                                         cli_endpoint *ret_endpoint, mw_error *err);
/* A name for the model at `path`: the file's name without its ending. */
MW_CHECKED mw_status cli_endpoint_default_name(const char *path, mw_arena *arena,
                                               const char **ret_name, mw_error *err);

#endif
