/* Between the files of journal: one that is open for writing. */
#ifndef JOURNAL_WRITER_H
#define JOURNAL_WRITER_H

#include <pthread.h>
#include <stdatomic.h>

#include "elsewhere.h"
#include "fairness_books.h"
#include "join.h"
#include "kafka.h"
#include "queue.h"
#include "shape.h"
#include "stream.h"

enum { JOURNAL_SHAPES_MAX = 4096 };

/* Rows of one shape that wait to become a block; the writer's alone. */
typedef struct journal_open_block {
    mw_buf raw;
    uint32_t n_rows;
    int64_t first_ms, last_ms;
    uint64_t began_ns;
    uint32_t described_in;  /* the segment that holds the shape; 0: none */
    uint64_t explain_below; /* hashes of requests that are explained */
    uint64_t row_ns;        /* what the last of these took; 0: none so far */
} journal_open_block;

/* Labels and who asks about performance: a thread of their own, for a sync may take long. */
typedef struct journal_keeper {
    journal_joiner joiner;
    journal_elsewhere elsewhere;
    uint64_t mark; /* of this log among those of other servers */
    journal_packer packer;
    char *slices; /* the joiner's names */
    uint64_t tried_ns, tried_blocks, summed_ns, retained_ns, fair_ns;
    uint32_t tried_segment;
    bool is_stale; /* labels came since it was summed up */

    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t wake;
    bool stop;
    mw_feedback *feedback, **last_feedback;
    mw_performance_task *questions;
    bool has_others; /* somebody tells other servers of labels that wait */
    mw_buf astray;   /* these */
    bool wants_told; /* and of predictions that were told the truth */
    mw_buf told;     /* these */
    size_t n_tasks;
    mw_feedback_counts counts;
    mw_performance_part *summary;
    size_t n_summary;
} journal_keeper;

struct mw_journal {
    mw_journal_options options; /* texts are copies */
    char *folder;
    uint64_t number; /* of this journal: what a thread's cache remembers outlives none */
    journal_privacy privacy;
    int lock_fd;
    journal_queue queue;
    uint64_t sample_below; /* hashes from here on are not taken */
    pthread_mutex_t shapes_lock;
    mw_log_shape *shapes[JOURNAL_SHAPES_MAX]; /* only ever added */
    atomic_size_t n_shapes;

    fair_books fair;
    journal_stream predictions, labels;
    journal_keeper keeper;
    journal_packer packer;
    journal_open_block *blocks[JOURNAL_SHAPES_MAX];
    journal_kafka *kafka; /* NULL: no topic */
    mw_buf message;       /* a row for it, the writer's */
    double *explained;    /* contributions of a record, the writer's */
    size_t explained_room;
    mw_allowance allowance;
    uint64_t retained_ns, complained_ns;

    pthread_t writer;
    bool has_writer, stop; /* stop: under lock */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    atomic_bool is_woken;
    atomic_uint_least64_t rows_written, rows_dropped, rows_unsampled, blocks_written, blocks_failed;
    atomic_uint_least64_t rows_explained, rows_unexplained;
};

/* The writer's thread; argument: the journal. */
void *journal_write(void *argument);
/* explained.c: a block of the shape begins. */
void journal_explained_begin(mw_journal *journal, mw_log_shape *shape, journal_open_block *open);
/* (n_rows, n_columns + 1), NaN in rows for which there was no time; the journal's, until the next
 * call. NULL: none are wanted, or to be had. */
const double *journal_explain(mw_journal *journal, const mw_log_shape *shape,
                              journal_open_block *open, const journal_rows *rows);
/* And the keeper's (keep.c). */
void *journal_keep(void *argument);

/* What lies in the queue, before the id (padded to eight), inputs and outputs. */
typedef struct journal_queued {
    uint32_t shape, id_size, first_row, n_rows;
    int64_t time_ms;
} journal_queued;

#endif
