/* What was learned of a version's rows, as bytes of a file beside its history (keep.c).
 *
 *     "MWLEARN2" | names, shape, digest of the columns, time | parts: a flag each
 *     scorer: bounds, isolation forest | joint: components, deciles of errors, counts
 *     sketches: this stretch and the one before | decay (keep_decay.c) | stream (keep_stream.c)
 *     importance of features (contributions.c)
 *     digest of all before it
 *
 * Models and sums, never a row: what a sketch or a reservoir holds are single values of a column,
 * or of an answer, that belong to nothing. It goes on from there to the bit, but for what came
 * since the file was written. A stretch of time that is over by then is dropped by those who would
 * have dropped it anyway; a clock that was set back by more than a day leaves the models alone. */
#include "watch.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

#define MAGIC "MWLEARN2"
#define MAGIC_BEFORE "MWLEARN1" /* had no stream */
#define DAY_NS UINT64_C(86400000000000)

enum { TEXT_MAX = 4096 };
enum {
    NONE,
    SCORER = 1,
    JOINT = 2,
    SKETCHES = 4,
    DECAY = 8,
    PARTS_BEFORE = 15,
    STREAM = 16,
    IMPORTANCE = 32, /* of contributions alone */
    PARTS = 63
};
enum { KLL_PART = 1, HEAVY_PART = 2 };
enum { IS_CATEGORY = 1, NEVER_MISSING = 2, IS_KNOWN = 4, BOUND_FLAGS = 7 };

/* Of all that counts are made by: what was learned against others does not belong. */
static uint64_t digest_of(const watch_column *columns, size_t n)
{
    mw_buf bytes;
    uint64_t digest = MW_FNV_BEGIN;
    mw_buf_init(&bytes, MW_LIMIT_WATCH_FILE_BYTES);
    for (size_t c = 0; c < n; c++) {
        mw_buf_reset(&bytes);
        watch_pack_column(&bytes, &columns[c]);
        digest = mw_fnv(digest, bytes.data, bytes.size);
    }
    mw_buf_done(&bytes);
    return digest;
}

/* ---- out ------------------------------------------------------------------------------------- */

static void pack_scorer(const watch_scorer *scorer, mw_buf *out)
{
    for (size_t c = 0; c < scorer->n; c++) {
        const mw_anomaly_bound *bound = &scorer->bounds[c];
        mw_pack_whole(out, (bound->is_category ? IS_CATEGORY : 0) |
                               (bound->is_never_missing ? NEVER_MISSING : 0) |
                               (bound->is_known ? IS_KNOWN : 0));
        mw_pack_number(out, bound->low);
        mw_pack_number(out, bound->high);
        mw_pack_number(out, bound->scale);
    }
    mw_pack_number(out, scorer->threshold);
    mw_isolation_pack(scorer->forest, out);
}

static void pack_joint(const watch_joint *joint, mw_buf *out)
{
    mw_joint_pack(joint->model, out);
    watch_pack_column(out, &joint->errors);
    mw_pack_whole(out, joint->first_ns);
    mw_pack_number(out, joint->rows);
    mw_pack_numbers(out, joint->usual, 2 * joint->n); /* and the squares behind */
    for (size_t i = 0; i < WATCH_BINS; i++)
        mw_pack_whole(out, (uint64_t)joint->whole[i]);
    for (size_t m = 0; m < WATCH_STARTS; m++) {
        mw_pack_whole(out, joint->minutes[m].bucket);
        for (size_t i = 0; i < WATCH_BINS; i++)
            mw_pack_whole(out, (uint64_t)joint->minutes[m].counts[i]);
    }
}

void watch_sketch_pack(const watch_sketch *sketch, mw_buf *out)
{
    mw_pack_whole(out, (sketch->quantiles ? KLL_PART : 0) | (sketch->commonest ? HEAVY_PART : 0));
    mw_moments_pack(&sketch->moments, out);
    mw_distinct_pack(&sketch->distinct, out);
    if (sketch->quantiles)
        mw_kll_pack(sketch->quantiles, out);
    if (sketch->commonest)
        mw_heavy_pack(sketch->commonest, out);
}

static void pack_stretch(const watch_sketch *stretch, size_t n, mw_buf *out)
{
    mw_pack_whole(out, stretch != NULL);
    for (size_t c = 0; stretch && c < n; c++)
        watch_sketch_pack(&stretch[c], out);
}

static void pack_sketches(const watch_sketches *sketches, mw_buf *out)
{
    mw_pack_whole(out, sketches->n_columns);
    mw_pack_whole(out, sketches->bucket);
    mw_pack_whole(out, sketches->begin_ns);
    mw_pack_whole(out, sketches->before_ns);
    pack_stretch(sketches->now, sketches->n_columns, out);
    pack_stretch(sketches->before, sketches->n_columns, out);
}

void watch_write_learned(watch_version *version, mw_buf *out)
{
    const watch_column *columns = atomic_load(&version->columns);
    const watch_scorer *scorer = atomic_load(&version->scorer);
    const watch_joint *joint = atomic_load(&version->joint);
    size_t begin = out->size;
    joint = scorer ? joint : NULL;
    pthread_mutex_lock(&version->lock);
    mw_buf_text(out, MAGIC);
    mw_pack_text(out, version->endpoint);
    mw_pack_text(out, version->identity);
    const uint64_t wholes[] = {
        version->n_features,
        version->n_outputs,
        version->history.bucket_ns,
        digest_of(columns, version->n_columns),
        version->latest_ns,
        (scorer ? SCORER : NONE) | (joint ? JOINT : NONE) |
            (version->sketches.now ? SKETCHES : NONE) | (version->decay ? DECAY : NONE) |
            (version->runs ? STREAM : NONE) | (version->importance ? IMPORTANCE : NONE)};
    for (size_t i = 0; i < MW_COUNT(wholes); i++)
        mw_pack_whole(out, wholes[i]);
    if (scorer)
        pack_scorer(scorer, out);
    if (joint)
        pack_joint(joint, out);
    if (version->sketches.now)
        pack_sketches(&version->sketches, out);
    if (version->decay)
        watch_decay_pack(version->decay, version->n_features, out);
    if (version->runs)
        watch_stream_pack(version->runs, version->n_features, &version->repeats, out);
    if (version->importance)
        watch_importance_pack(version->importance, out);
    pthread_mutex_unlock(&version->lock);
    watch_seal(out, begin);
}

/* ---- in -------------------------------------------------------------------------------------- */

static bool unpack_bound(mw_unpack *in, mw_anomaly_bound *bound)
{
    uint64_t flags = mw_unpack_at_most(in, BOUND_FLAGS);
    *bound = (mw_anomaly_bound){.is_category = flags & IS_CATEGORY,
                                .is_never_missing = flags & NEVER_MISSING,
                                .is_known = flags & IS_KNOWN};
    bound->low = mw_unpack_number(in);
    bound->high = mw_unpack_number(in);
    bound->scale = mw_unpack_number(in);
    return !in->failed;
}

static watch_scorer *unpack_scorer(mw_unpack *in, const watch_version *version)
{
    size_t n = version->n_features;
    mw_anomaly_bound *bounds = calloc(n + 1, sizeof *bounds);
    bool done = bounds != NULL;
    for (size_t c = 0; done && c < n; c++)
        done = unpack_bound(in, &bounds[c]);
    double threshold = mw_unpack_number(in);
    mw_isolation *forest = done && threshold >= 0 ? mw_isolation_unpack(in) : NULL;
    if (forest && mw_isolation_features(forest) == n)
        return watch_scorer_again(atomic_load(&version->columns), n, bounds, forest, threshold);
    mw_isolation_free(forest);
    free(bounds);
    return NULL;
}

static void unpack_counts(mw_unpack *in, double counts[WATCH_BINS])
{
    for (size_t i = 0; i < WATCH_BINS; i++)
        counts[i] = (double)mw_unpack_at_most(in, UINT64_MAX >> 12);
}

static bool unpack_sums(mw_unpack *in, watch_joint *joint, uint64_t latest_ns)
{
    joint->first_ns = mw_unpack_at_most(in, latest_ns);
    joint->rows = mw_unpack_number(in);
    mw_unpack_numbers(in, joint->usual, 2 * joint->n);
    unpack_counts(in, joint->whole);
    for (size_t m = 0; m < WATCH_STARTS; m++) {
        joint->minutes[m].bucket = mw_unpack_whole(in);
        unpack_counts(in, joint->minutes[m].counts);
    }
    return !in->failed && joint->rows >= 0;
}

static watch_joint *unpack_joint(mw_unpack *in, size_t n_features, uint64_t latest_ns)
{
    watch_joint *joint = calloc(1, sizeof *joint);
    if (!joint)
        return NULL;
    joint->model = mw_joint_unpack(in);
    joint->n = n_features;
    joint->usual = joint->model ? calloc(2 * n_features, sizeof *joint->usual) : NULL;
    joint->squares = joint->usual ? joint->usual + n_features : NULL;
    bool done = joint->usual && mw_joint_columns(joint->model) == n_features &&
                watch_unpack_column(in, &joint->errors) && !joint->errors.is_category &&
                joint->errors.is_ready && !joint->errors.bins;
    if (done && unpack_sums(in, joint, latest_ns))
        return joint;
    free(joint->errors.bins); /* of a column that no errors have */
    watch_joint_free(joint);
    return NULL;
}

bool watch_sketch_unpack(mw_unpack *in, bool is_category, watch_sketch *sketch)
{
    uint64_t parts = mw_unpack_at_most(in, is_category ? HEAVY_PART : KLL_PART);
    if (in->failed || (is_category && parts == KLL_PART) ||
        !mw_moments_unpack(in, &sketch->moments) || !mw_distinct_unpack(in, &sketch->distinct))
        return false;
    sketch->quantiles = parts & KLL_PART ? mw_kll_unpack(in) : NULL;
    if (parts & KLL_PART && !sketch->quantiles)
        return false;
    sketch->commonest = parts & HEAVY_PART ? calloc(1, sizeof *sketch->commonest) : NULL;
    return !(parts & HEAVY_PART) || (sketch->commonest && mw_heavy_unpack(in, sketch->commonest));
}

static bool unpack_stretch(mw_unpack *in, const watch_column *columns, size_t n,
                           watch_sketch **ret_stretch)
{
    enum { LEAST_BYTES = 64 }; /* of a column */
    if (mw_unpack_at_most(in, 1) == 0)
        return !in->failed;
    if (mw_unpack_left(in) < n * LEAST_BYTES)
        return false;
    *ret_stretch = calloc(n + 1, sizeof **ret_stretch);
    for (size_t c = 0; *ret_stretch && c < n; c++)
        if (!watch_sketch_unpack(in, columns[c].is_category, &(*ret_stretch)[c]))
            return false;
    return *ret_stretch != NULL;
}

static bool unpack_sketches(mw_unpack *in, const watch_version *version, watch_sketches *sketches)
{
    const watch_column *columns = atomic_load(&version->columns);
    size_t n = version->n_columns < MW_LIMIT_SKETCHED_COLUMNS ? version->n_columns
                                                              : MW_LIMIT_SKETCHED_COLUMNS;
    if (mw_unpack_whole(in) != n)
        return false;
    sketches->n_columns = n;
    sketches->bucket = mw_unpack_whole(in);
    sketches->begin_ns = mw_unpack_whole(in);
    sketches->before_ns = mw_unpack_whole(in);
    return unpack_stretch(in, columns, n, &sketches->now) && sketches->now &&
           unpack_stretch(in, columns, n, &sketches->before) && !in->failed;
}

/* What is read before a version is touched. */
typedef struct learned {
    uint64_t columns, latest_ns, parts;
    watch_scorer *scorer;
    watch_joint *joint;
    watch_sketches sketches;
    watch_decay *decay;
    watch_run *runs; /* NULL: none */
    watch_repeats repeats;
    watch_importance *importance;
} learned;

static void drop(learned *l)
{
    watch_scorer_free(l->scorer);
    watch_joint_free(l->joint);
    watch_sketches_done(&l->sketches);
    watch_decay_free(l->decay);
    free(l->runs);
    free(l->repeats.hashes);
    watch_importance_free(l->importance);
}

static const char *read_head(mw_unpack *in, const watch_version *version, learned *l)
{
    const char *magic = mw_unpack_bytes(in, sizeof MAGIC - 1);
    bool is_before = magic && memcmp(magic, MAGIC_BEFORE, sizeof MAGIC - 1) == 0;
    if (!magic || (!is_before && memcmp(magic, MAGIC, sizeof MAGIC - 1) != 0))
        return watch_wrong_magic(magic, MAGIC);
    mw_view endpoint = mw_unpack_text(in, TEXT_MAX), identity = mw_unpack_text(in, TEXT_MAX);
    if (!mw_view_is(endpoint, version->endpoint) || !mw_view_is(identity, version->identity))
        return "it is another endpoint's, or another model's";
    uint64_t n_features = mw_unpack_whole(in), n_outputs = mw_unpack_whole(in);
    if (n_features != version->n_features || n_outputs != version->n_outputs ||
        mw_unpack_whole(in) != version->history.bucket_ns)
        return "it is of other columns";
    l->columns = mw_unpack_whole(in);
    l->latest_ns = mw_unpack_whole(in);
    l->parts = mw_unpack_at_most(in, is_before ? PARTS_BEFORE : PARTS);
    bool is_alone = l->parts & JOINT && !(l->parts & SCORER);
    return in->failed || is_alone ? "its head is damaged" : NULL;
}

static const char *read_parts(mw_unpack *in, const watch_version *version, learned *l)
{
    size_t n = version->n_features;
    if (l->parts & SCORER && !(l->scorer = unpack_scorer(in, version)))
        return "the isolation forest is damaged";
    if (l->parts & JOINT && !(l->joint = unpack_joint(in, n, l->latest_ns)))
        return "how features go together is damaged";
    if (l->parts & SKETCHES && !unpack_sketches(in, version, &l->sketches))
        return "a sketch of values is damaged";
    if (l->parts & DECAY && !(l->decay = watch_decay_unpack(in, n, version->n_outputs)))
        return "the estimate of decay is damaged";
    if (l->parts & STREAM && !watch_stream_unpack(in, n, l->latest_ns, &l->runs, &l->repeats))
        return "runs of one value are damaged";
    if (l->parts & IMPORTANCE && !(l->importance = watch_importance_unpack(in, n)))
        return "the importance of features is damaged";
    return in->failed || in->at != in->end ? "it ends too early, or goes on behind its end" : NULL;
}

/* ---- taking over ----------------------------------------------------------------------------- */

/* Times of a clock that was ahead mean nothing: models stay, what was counted goes. */
static void forget_times(learned *l, size_t n_features)
{
    if (l->joint) {
        l->joint->first_ns = 0;
        l->joint->rows = 0;
        memset(l->joint->squares, 0, l->joint->n * sizeof(double));
        memset(l->joint->whole, 0, sizeof l->joint->whole);
        memset(l->joint->minutes, 0, sizeof l->joint->minutes);
    }
    watch_sketches_done(&l->sketches);
    for (size_t m = 0; l->importance && m < WATCH_STARTS; m++) {
        l->importance->minutes[m].rows = 0;
        l->importance->minutes[m].bucket = 0;
    }
    free(l->runs);
    l->runs = NULL;
    if (l->decay)
        watch_decay_forget(l->decay, n_features);
}

/* Labels may have come meanwhile: the more of them, the better the estimate. */
static void take_decay(watch_version *version, learned *l)
{
    watch_decay *now = version->decay;
    if (now && l->decay && now->found.reference_labels > l->decay->found.reference_labels) {
        watch_decay_follow(now, l->decay);
        return;
    }
    if (!l->decay)
        return;
    version->decay = l->decay;
    l->decay = now;
    watch_decay_judge(version->decay, atomic_load(&version->columns), version->n_features,
                      version->latest_ns);
}

/* The block that goes on stays this process's. */
static void take_stream(watch_version *version, learned *l)
{
    if (!l->runs)
        return;
    watch_run *runs = version->runs;
    watch_repeats *now = &version->repeats;
    version->runs = l->runs;
    l->runs = runs;
    l->repeats.hashes = now->hashes;
    l->repeats.rows = now->rows;
    l->repeats.begin_ns = now->begin_ns;
    *now = l->repeats;
    l->repeats.hashes = NULL;
}

/* Nothing was sampled so far, or little: what was before is more. */
static void take_over(watch_version *version, learned *l)
{
    pthread_mutex_lock(&version->lock);
    if (version->latest_ns < l->latest_ns)
        version->latest_ns = l->latest_ns;
    if (l->sketches.now) {
        watch_sketches now = version->sketches;
        version->sketches = l->sketches;
        l->sketches = now;
    }
    if (l->importance && version->importance) {
        watch_importance *now = version->importance;
        version->importance = l->importance;
        l->importance = now;
    }
    take_stream(version, l);
    take_decay(version, l);
    pthread_mutex_unlock(&version->lock);
    if (!l->scorer || atomic_load(&version->scorer))
        return;
    atomic_store(&version->joint, l->joint);
    atomic_store(&version->scorer, l->scorer);
    l->scorer = NULL;
    l->joint = NULL;
    watch_end_learning(version);
}

mw_status watch_read_learned(mw_view text, watch_version *version, uint64_t now_ns,
                             bool *ret_is_other, mw_error *err)
{
    mw_unpack in;
    learned l = {0};
    const char *wrong = "it is cut short, or damaged";
    const watch_column *columns = atomic_load(&version->columns);
    *ret_is_other = !watch_is_whole(version);
    if (!*ret_is_other && watch_unseal(text, &in)) {
        wrong = read_head(&in, version, &l);
        *ret_is_other = !wrong && l.columns != digest_of(columns, version->n_columns);
        if (!wrong && !*ret_is_other)
            wrong = read_parts(&in, version, &l);
    }
    bool is_taken = !wrong && !*ret_is_other;
    if (is_taken && l.latest_ns > now_ns + DAY_NS) {
        forget_times(&l, version->n_features);
        l.latest_ns = 0;
    }
    if (is_taken)
        take_over(version, &l);
    drop(&l);
    return wrong && !*ret_is_other ? mw_fail(err, MW_E_WATCH_HISTORY, "%s", wrong) : MW_OK;
}
