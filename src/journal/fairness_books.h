/* Between the files of journal: who was treated how. */
#ifndef JOURNAL_FAIRNESS_BOOKS_H
#define JOURNAL_FAIRNESS_BOOKS_H

#include <pthread.h>

#include "journal.h"

enum { FAIR_SLOTS = 24, FAIR_VERSIONS = 8, FAIR_NO_GROUP = 255 };

#define FAIR_ALPHA 0.01 /* see fair_watch.h */

typedef struct fair_cell {
    uint32_t seen, selected;
} fair_cell;

typedef struct fair_slot {
    int64_t number; /* time over the slot's length; 0: never used */
    fair_cell cells[MW_FAIR_ATTRIBUTES][MW_FAIR_GROUPS + 1];
} fair_slot;

/* Rows of a model. */
typedef struct fair_version {
    uint64_t model;
    unsigned version; /* of its newest row */
    int64_t newest_ms;
    uint64_t used; /* the most recent has the highest */
    bool is_logged[MW_FAIR_ATTRIBUTES];
    fair_slot slots[FAIR_SLOTS];
} fair_version;

typedef struct fair_names {
    char names[MW_FAIR_GROUPS][MW_FAIR_NAME_BYTES];
    size_t n;
} fair_names;

/* Of an endpoint. */
typedef struct fair_book {
    char *endpoint;
    mw_fair_plan plan;
    int64_t since_ms; /* rows from then on are counted as they come; those before are read once */
    bool is_read;     /* they were */
    fair_names names[MW_FAIR_ATTRIBUTES]; /* the same of all versions */
    fair_version *versions[FAIR_VERSIONS];
    size_t n_versions;
} fair_book;

/* What all threads share. */
typedef struct fair_books {
    pthread_mutex_t lock;
    fair_book *items[MW_LIMIT_ENDPOINTS];
    size_t n;
    bool is_changed; /* a plan is new: labels are joined anew */
    bool is_stale;   /* rows came since reports were made */
    mw_fair_report *reports;
    size_t n_reports;
    uint64_t n_used;
} fair_books;

void fair_books_init(fair_books *books);
void fair_books_done(fair_books *books);

/* Watch an endpoint by this plan, or (no attributes) not at all. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status fair_books_set(fair_books *books, const char *endpoint,
                                    const mw_fair_plan *plan, mw_error *err);
/* The book of an endpoint; NULL: it is not watched. Under the lock, as all below. */
fair_book *fair_book_of(fair_books *books, mw_view endpoint);
/* Which group a row is in: FAIR_NO_GROUP where nothing tells. inputs: as they are kept (hashes of
 * hashed columns), NULL: none; told: "sex=F\n..." of feedback. *ret_logged (may be NULL): columns
 * alone told it. */
uint8_t fair_group_of(fair_book *book, size_t attribute, const mw_log_shape *shape,
                      const double *inputs, mw_view told, bool *ret_logged);
/* 1, 0, or -1: it cannot be said. */
int fair_decision(const mw_fair_plan *plan, const mw_log_shape *shape, const double *outputs);
/* Of an observation: score as in journal_observation. */
int fair_decision_of_score(const mw_fair_plan *plan, const mw_log_shape *shape, double score);
int fair_label(const mw_fair_plan *plan, const mw_log_shape *shape, double label);
/* Why neither can be said; NULL: they can. */
const char *fair_why_not(const mw_fair_plan *plan, const mw_log_shape *shape);
/* A row into its slots. */
void fair_count_row(fair_books *books, fair_book *book, const mw_log_shape *shape, int64_t time_ms,
                    const double *inputs, const double *outputs);
/* The first number of a slot that is in the window now. */
int64_t fair_first_slot(const mw_fair_plan *plan, int64_t now_ms);
int64_t fair_slot_ms(const mw_fair_plan *plan);
/* For two minutes only other models of the endpoint had rows: it was rolled back, or replaced. */
bool fair_is_inactive(const fair_book *book, const fair_version *version);
/* Sums over the window. */
void fair_sum(const fair_book *book, const fair_version *version, size_t attribute, int64_t now_ms,
              fair_cell ret_cells[MW_FAIR_GROUPS + 1]);

/* fair_judge.c: groups are filled; all else follows. */
void fair_judge(const mw_fair_plan *plan, mw_fair_report *report);

/* Rows of records on their way to the disk (writer.c). */
struct journal_rows;
struct mw_journal;
void fair_take_rows(struct mw_journal *journal, const mw_log_shape *shape,
                    const struct journal_rows *rows);
/* The keeper's turn: what is new is read, reports are made. */
void fair_keep(struct mw_journal *journal);

#endif
