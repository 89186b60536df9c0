/* The stages of a request, by one set of names for counters, access log and spans.
 *
 *     received -> | queue | decode | predict | explain | encode | -> answer made
 *     | receive | -'
 */
#ifndef BASE_STAGE_H
#define BASE_STAGE_H

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

#endif
