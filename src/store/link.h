/* A connection to PostgreSQL: made, lost, made again; questions with a time limit; what its answers
 * mean. */
#ifndef STORE_LINK_H
#define STORE_LINK_H

#include "engine.h"
#include "libpq.h"

enum { STORE_LED = 64, STORE_POSTED = 512 };

/* Literals, by address; with so many rows at once. */
typedef struct store_slot_key {
    const char *sql, *kinds;
    size_t n_rows;
} store_slot_key;

typedef struct store_link {
    mw_sql base;                 /* first */
    pg_conn *conn;               /* NULL: lost, or not there yet */
    struct store_server *server; /* borrowed: kept for good */
    bool is_writer;
    char writer[40];  /* the name under which its commits are counted */
    int64_t n_commit; /* of the transaction that is on its way */
    size_t n_posted;  /* statements sent whose answers were not read; at most STORE_POSTED */
    uint64_t n_written, next_survey; /* see store_link_survey */
    size_t n_led;
    int32_t led[STORE_LED];                /* what it leads in; goes with the connection */
    store_slot_key kept[STORE_STATEMENTS]; /* prepared as "s<slot>" */
} store_link;

/* Nothing is connected yet. NULL: memory is gone. */
store_link *store_link_new(const char *address, bool is_writer);
void store_link_free(store_link *link);
/* There is a connection, or it is made. Waits up to five seconds for a server that has just gone;
 * not for one that never was there, or has been away for longer. Fails: MW_BUSY (MW4015), MW_IO
 * (MW4016), MW_BAD_ARGUMENT (MW4019). */
MW_CHECKED mw_status store_link_ready(store_link *link, mw_error *err);
/* What was sent (what a PQsend... said) is answered: the last rows, or else the last result. The
 * caller clears it. ret_result may be NULL. A connection that is lost, or silent for a minute, is
 * closed. */
MW_CHECKED mw_status store_link_answer(store_link *link, int was_sent, pg_result **ret_result,
                                       mw_error *err);
/* Statements of the room's own, without arguments. */
MW_CHECKED mw_status store_link_ask(store_link *link, const char *sql, pg_result **ret_result,
                                    mw_error *err);
MW_CHECKED mw_status store_link_say(store_link *link, const char *sql, mw_error *err);
/* A prepared statement goes out, its answer is read by store_link_settle. */
MW_CHECKED mw_status store_link_post(store_link *link, const char *name, int n,
                                     const char *const *values, const int *sizes,
                                     const int *formats, mw_error *err);
/* The answers of all that was posted; the first error. Before any other statement. */
MW_CHECKED mw_status store_link_settle(store_link *link, mw_error *err);
/* Let PostgreSQL look at what the tables hold now: it plans by that, and its own look comes up to a
 * minute late. Without it a search behind a large import tries all pairs of two tables. */
MW_CHECKED mw_status store_link_survey(store_link *link, mw_error *err);
/* The error of a connection that is not there. */
mw_status store_link_fail_away(mw_error *err);

#endif
