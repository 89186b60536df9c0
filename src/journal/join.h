/* Labels find their predictions.
 *
 *     labels --known already?--> duplicates, replaced
 *            --index of each segment, the newest first--> blocks --> observations, by group
 *            `not there: waiting, tried again when more is written --too long--> unknown
 *
 * One thread. */
#ifndef JOURNAL_JOIN_H
#define JOURNAL_JOIN_H

#include "labels.h"
#include "losses.h"
#include "stats/stats.h"
#include "stream.h"

enum { JOURNAL_SLICES_MAX = 4, JOURNAL_GROUPS_MAX = 4096 };

/* A prediction and the truth about it. */
typedef struct journal_observation {
    uint64_t key; /* of endpoint, id and row */
    int64_t made_ms, told_ms;
    double label, score; /* score: probability of class 1, the class, or the number that was said */
    double *shares;      /* of several classes n_outputs, of a regression's first labels the row's
                            inputs; owned; else NULL */
    uint32_t group;
    float slices[JOURNAL_SLICES_MAX];
    uint8_t groups[MW_FAIR_ATTRIBUTES]; /* of the endpoint's book; FAIR_NO_GROUP */
    uint8_t server;                     /* that made it: of elsewhere.h; 0: this one */
    bool is_told;                       /* to the other servers, as it is */
} journal_observation;

/* A version whose predictions were told the truth. */
typedef struct journal_group {
    mw_arena arena;
    mw_log_shape shape;
    ptrdiff_t slices[JOURNAL_SLICES_MAX]; /* columns, or -1 */
    size_t n_told;                        /* of its first labels: to options.truth */
    size_t n_kept;                        /* rows of a regression */
    journal_losses losses;
} journal_group;

typedef struct journal_waiting {
    journal_label label; /* its texts are in `texts` */
    char *texts;
    uint64_t id_hash, key;
    int64_t since_ms;
    bool is_passed_on;
} journal_waiting;

typedef struct journal_joiner {
    const char *folder;
    const char *slice_names[JOURNAL_SLICES_MAX]; /* NULL: no more */
    journal_observation *items;                  /* the oldest first */
    size_t n, capacity, n_max;
    uint32_t *slots; /* key -> place in items + 1; 0: free */
    size_t n_slots;
    journal_group **groups;
    size_t n_groups;
    journal_waiting *waiting;
    size_t n_waiting, waiting_capacity;
    uint32_t *waiting_slots; /* key -> place in waiting + 1; 0: free; twice the capacity */
    bool is_waiting_stale;   /* places have moved since */
    size_t n_unpassed;       /* of those that wait: others were not told of them */
    size_t n_untold;         /* items that others do not have, as they are */
    uint64_t misfits[MW_LIMIT_TOLD_MISFITS]; /* keys of labels that others passed on, and that do
                                                not fit; not told so far */
    size_t n_misfits;
    mw_feedback_counts counts;
    bool keeps_rows;         /* of the first labels of a regression */
    struct fair_books *fair; /* who is in which group; NULL: nobody asks. Has a lock of its own */
} journal_joiner;

/* `folder` and `slices` ("a,b", or NULL; written into) are borrowed. */
void journal_joiner_init(journal_joiner *joiner, const char *folder, char *slices, size_t n_max);
void journal_joiner_done(journal_joiner *joiner);

/* Join labels; `stream` is that of the predictions, or NULL where nobody writes. *ret_added is what
 * became of them. Fails: MW_NO_MEMORY, MW_IO. */
MW_CHECKED mw_status journal_join(journal_joiner *joiner, journal_stream *stream,
                                  const journal_label *labels, size_t n,
                                  mw_feedback_counts *ret_added, mw_error *err);
/* Try those that wait again, in segments from this number on. */
MW_CHECKED mw_status journal_join_waiting(journal_joiner *joiner, journal_stream *stream,
                                          uint32_t from_segment, mw_error *err);
/* The same of labels that another server has passed on: of those whose predictions are here, which
 * come to the front, *ret_n so many. What was said before is not counted again. */
MW_CHECKED mw_status journal_join_passed_on(journal_joiner *joiner, journal_stream *stream,
                                            journal_label *labels, size_t n, size_t *ret_n,
                                            mw_feedback_counts *ret_added, mw_error *err);
/* Those that have waited since then or longer, and that others were not told of, as there is room.
 */
void journal_pass_on(journal_joiner *joiner, int64_t before_ms, mw_buf *out);
/* The observation of a key, or NULL. */
journal_observation *journal_find(const journal_joiner *joiner, uint64_t key);
/* The group of a shape, which is made where there is none. */
MW_CHECKED mw_status journal_group_of(journal_joiner *joiner, const mw_log_shape *shape,
                                      uint32_t *ret_group, mw_error *err);
/* One of another server's, in the place of what was told before, where it is newer; *ret_is_taken:
 * its shares are the joiner's. */
MW_CHECKED mw_status journal_put(journal_joiner *joiner, const journal_observation *item,
                                 bool *ret_is_taken, mw_error *err);
/* Others have this one. False: it is none of the joiner's own. */
bool journal_note_told(journal_joiner *joiner, const journal_observation *item);
/* Another server had the prediction that a label which was passed on waits for. */
void journal_end_waiting(journal_joiner *joiner, uint64_t key);

/* Join all labels of the folder, the oldest first. */
MW_CHECKED mw_status journal_join_all(journal_joiner *joiner, journal_stream *stream,
                                      mw_error *err);

/* Forget observations and join all anew: what they are told by has changed. Counts stay. */
MW_CHECKED mw_status journal_join_again(journal_joiner *joiner, journal_stream *stream,
                                        mw_error *err);

/* measure.c: see mw_log_performance. others: what other servers have; NULL: nothing is known. */
MW_CHECKED mw_status journal_measure(const journal_joiner *joiner, const journal_joiner *others,
                                     const mw_performance_query *query,
                                     void (*see)(void *user, const mw_performance_part *part),
                                     void *user, mw_error *err);

enum { JOURNAL_TRUTH_CLASSES = 64 };

/* How many scores a row has for mw_log_truth; 0: it is none that answers probabilities, or one
 * number. */
size_t journal_truth_scores(const mw_log_shape *shape);
/* Rows of it at most: fewer where a regression has many columns. */
size_t journal_truth_room(const mw_log_shape *shape);
/* The first labels of a group, n <= room of them: 0 where they are not enough. ret_scores:
 * (n_scores, n) of room for (n_scores, room). */
size_t journal_first_labels(const journal_joiner *joiner, uint32_t group, size_t n_scores,
                            double *ret_scores, double *ret_labels, size_t room);
/* The same of a regression; ret_rows: (room, n_columns). */
size_t journal_first_numbers(const journal_joiner *joiner, uint32_t group, double *ret_rows,
                             double *ret_scores, double *ret_labels, size_t room);

#endif
