/* The stages of a request, by one set of names for counters, access log and spans.
 *
 *     received -> | queue | decode | predict | explain | encode | -> answer made
 *     | receive | -'
 */
#ifndef BASE_STAGE_H
#define BASE_STAGE_H

#include "clock.h"

typedef enum mw_stage {
    MW_STAGE_RECEIVE, /* from the whole head to the whole body: the client's pace */
    MW_STAGE_QUEUE,   /* until a thread takes it up, each time one must */
    MW_STAGE_DECODE,  /* the body becomes rows */
    MW_STAGE_PREDICT,
    MW_STAGE_EXPLAIN,
    MW_STAGE_ENCODE, /* values become the answer */
    MW_N_STAGES
} mw_stage;

/* "receive", "queue", ... as metrics, log lines and spans have it. */
static inline const char *mw_stage_name(mw_stage stage)
{
    static const char *const names[] = {"receive", "queue",   "decode",
                                        "predict", "explain", "encode"};
    return names[stage];
}

enum { MW_TIMELINE_MARKS = 8 };

/* How one request's time went: stages end one after another, each begins where the last one ended.
 */
typedef struct mw_timeline {
    uint64_t marked_ns; /* mw_clock_ns of the last end */
    uint64_t stage_ns[MW_N_STAGES];
    unsigned stages; /* a bit for each that it had */
    unsigned n_marks;
    struct {
        uint64_t end_ns;
        mw_stage stage;
    } marks[MW_TIMELINE_MARKS]; /* the first ones */
} mw_timeline;

/* The stage ended at end_ns, whatever came of it. */
static inline void mw_timeline_end(mw_timeline *timeline, mw_stage stage, uint64_t end_ns)
{
    timeline->stage_ns[stage] += end_ns > timeline->marked_ns ? end_ns - timeline->marked_ns : 0;
    timeline->stages |= 1u << stage;
    timeline->marked_ns = end_ns;
    if (timeline->n_marks == MW_TIMELINE_MARKS)
        return;
    timeline->marks[timeline->n_marks].end_ns = end_ns;
    timeline->marks[timeline->n_marks++].stage = stage;
}

static inline void mw_timeline_mark(mw_timeline *timeline, mw_stage stage)
{
    mw_timeline_end(timeline, stage, mw_clock_ns());
}

#endif
