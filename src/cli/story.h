/* The story that `mw demo` tells: a lender's model through five chapters of its life. Nothing is
 * scripted but the questions: a server of its own, the commands that a person would type, traffic
 * and labels from a simulated lender (examples/lender); the gates, the judge of rollouts and the
 * alerts answer.
 *
 *     story.c          the chapters
 *     story_stage.c    a folder, a server process, commands as processes
 *     story_traffic.c  applicants: requests, and later what came true */
#ifndef CLI_STORY_H
#define CLI_STORY_H

#include "call.h"
#include "net/net.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/types.h>

/* ---- the stage ------------------------------------------------------------------------------- */

typedef struct story_stage {
    char folder[PATH_MAX];  /* of its own; removed at the end */
    char program[PATH_MAX]; /* this one */
    char lender[PATH_MAX];  /* examples/lender */
    char address[100];      /* of the server: "127.0.0.1:41234" */
    pid_t server;           /* 0: none */
    int server_out;         /* its standard output */
    uint64_t began_ns;
} story_stage;

/* Fails: MW_NOT_FOUND (MW1201) no examples; MW_IO. */
MW_CHECKED mw_status story_stage_open(const char *examples, story_stage *stage, mw_error *err);
/* listen: where; "127.0.0.1:0" is any free port. */
MW_CHECKED mw_status story_serve(story_stage *stage, const char *listen, mw_error *err);
/* Ends the server, and removes the folder. */
void story_stage_close(story_stage *stage);
/* A file in the folder. */
MW_CHECKED mw_status story_write(story_stage *stage, const char *name, mw_view text, mw_error *err);
/* Runs `mw WORDS...` in the folder; "@" stands for --server and its address. Its output is appended
 * to `out`, what it says of faults, too. */
MW_CHECKED mw_status story_run(story_stage *stage, const char *words, mw_buf *out, int *ret_code,
                               mw_error *err);

/* ---- the traffic ----------------------------------------------------------------------------- */

enum { STORY_CLIENTS = 3, STORY_VERSIONS = 8, STORY_INPUTS = 6 };

typedef struct story_row {
    double inputs[STORY_INPUTS];
    double repaid;
} story_row;

typedef struct story_traffic {
    const char *address;
    story_row *rows; /* owned */
    size_t n_rows;
    atomic_bool stopping, is_poorer; /* is_poorer: the world has drifted, incomes are lower */
    atomic_long rollout;             /* whose outcomes are told; 0: none */
    atomic_ulong answers[STORY_VERSIONS], labels, errors;
    pthread_t threads[STORY_CLIENTS];
    unsigned n_threads;
    pthread_mutex_t lock; /* of the next */
    char first_fault[300];
} story_traffic;

/* Applicants of `path` (live.csv). Fails: as reading it. */
MW_CHECKED mw_status story_traffic_start(story_traffic *traffic, const char *path,
                                         const char *address, mw_error *err);
void story_traffic_stop(story_traffic *traffic);
/* Rows of such a file: inputs, group, repaid. The caller frees. groups may be NULL. */
MW_CHECKED mw_status story_read_rows(const char *path, story_row **ret_rows, char **ret_groups,
                                     size_t *ret_count, mw_error *err);

/* ---- the chapters ---------------------------------------------------------------------------- */

/* Tells it, then goes on until a signal of the set; the caller has blocked them. */
MW_CHECKED mw_status cli_tell_story(cli_call *call, const sigset_t *signals, mw_error *err);

#endif
