/* What both arms did, as numbers that can be added up and written down. */
#include "release.h"

#include <math.h>

/* ---- latencies ------------------------------------------------------------------------------- */

/* Bin b holds ns from 2^(10 + b/16) on; the first all below 2^10, the last all beyond. */
enum { FIRST_OCTAVE = 10, BINS_AN_OCTAVE = 16 };

size_t mw_latency_bin(uint64_t ns)
{
    if (ns < (1u << FIRST_OCTAVE))
        return 0;
    unsigned octave = 63 - (unsigned)__builtin_clzll(ns);
    /* within an octave the bins are equally wide: a little finer at its lower end than asked for */
    size_t within = (size_t)(ns >> (octave - 4)) & (BINS_AN_OCTAVE - 1);
    size_t bin = (octave - FIRST_OCTAVE) * BINS_AN_OCTAVE + within;
    return bin < MW_ARM_LATENCY_BINS ? bin : MW_ARM_LATENCY_BINS - 1;
}

double mw_latency_bin_end(size_t bin)
{
    size_t octave = FIRST_OCTAVE + bin / BINS_AN_OCTAVE, within = bin % BINS_AN_OCTAVE;
    return ldexp(1 + (double)(within + 1) / BINS_AN_OCTAVE, (int)octave);
}

/* ---- adding up ------------------------------------------------------------------------------- */

/* An arm is doubles only, so it is added as an array of them. */
enum { ARM_DOUBLES = sizeof(mw_arm) / sizeof(double) };

void mw_arm_add(mw_arm *into, const mw_arm *from)
{
    double *to = (double *)into;
    const double *more = (const double *)from;
    for (size_t i = 0; i < ARM_DOUBLES; i++)
        to[i] += more[i];
}

void mw_arm_take(mw_arm *from, const mw_arm *less)
{
    double *to = (double *)from;
    const double *off = (const double *)less;
    for (size_t i = 0; i < ARM_DOUBLES; i++)
        to[i] -= off[i];
}

void mw_rollout_memory_init(mw_rollout_memory *memory)
{
    *memory = (mw_rollout_memory){.weight = 0};
}

/* ---- as text --------------------------------------------------------------------------------- */

/*   {"v":1,"epoch":2,"weight":0.05,"shadow":false,"watching":false,"arms":[ARM,ARM],
 *    "all":[ARM,ARM],
 *    "closed":[[log_e,precision,weighted],...],"split":[...],"edges":[...],"columns":["age",...]}
 *    ARM: [index,value,index,value,...] of what is not 0 */

static void put_double(mw_buf *out, double value, bool is_first)
{
    mw_buf_text(out, is_first ? "" : ",");
    mw_json_write_double(out, value);
}

static void put_arm(mw_buf *out, const mw_arm *arm)
{
    bool is_first = true;
    const double *values = (const double *)arm;
    mw_buf_char(out, '[');
    for (size_t i = 0; i < ARM_DOUBLES; i++) {
        if (values[i] == 0)
            continue;
        put_double(out, (double)i, is_first);
        put_double(out, values[i], false);
        is_first = false;
    }
    mw_buf_char(out, ']');
}

static void put_arms(mw_buf *out, const char *key, const mw_arm *arms)
{
    mw_buf_format(out, ",\"%s\":[", key);
    for (size_t a = 0; a < MW_ARMS; a++) {
        mw_buf_text(out, a ? "," : "");
        put_arm(out, &arms[a]);
    }
    mw_buf_char(out, ']');
}

static void put_closed(mw_buf *out, const mw_closed *closed)
{
    mw_buf_char(out, '[');
    put_double(out, closed->log_e, true);
    put_double(out, closed->precision, false);
    put_double(out, closed->weighted, false);
    mw_buf_char(out, ']');
}

void mw_arms_write(const mw_arm arms[MW_ARMS], mw_buf *out)
{
    for (size_t a = 0; a < MW_ARMS; a++) {
        mw_buf_char(out, a ? ',' : '[');
        put_arm(out, &arms[a]);
    }
    mw_buf_char(out, ']');
}

void mw_rollout_memory_write(const mw_rollout_memory *memory, mw_buf *out)
{
    mw_buf_format(out, "{\"v\":1,\"epoch\":%lld,\"weight\":", (long long)memory->epoch);
    mw_json_write_double(out, memory->weight);
    mw_buf_format(out, ",\"shadow\":%s,\"watching\":%s", memory->is_shadow ? "true" : "false",
                  memory->is_watching ? "true" : "false");
    put_arms(out, "arms", memory->arms);
    put_arms(out, "all", memory->all);
    mw_buf_text(out, ",\"closed\":[");
    for (size_t m = 0; m < MW_N_METRICS; m++) {
        mw_buf_text(out, m ? "," : "");
        put_closed(out, &memory->closed[m]);
    }
    mw_buf_text(out, "],\"split\":");
    put_closed(out, &memory->split);
    mw_buf_text(out, ",\"edges\":[");
    for (size_t i = 0; i < memory->n_edges; i++)
        put_double(out, memory->edges[i], i == 0);
    mw_buf_text(out, "],\"columns\":[");
    for (size_t i = 0; i < memory->n_covariates; i++) {
        mw_buf_text(out, i ? "," : "");
        mw_json_write_text(out, mw_view_of(memory->covariates[i]));
    }
    mw_buf_text(out, "]}");
}

/* ---- from text ------------------------------------------------------------------------------- */

static mw_status refuse(const char *where, mw_error *err)
{
    mw_fail(err, MW_E_ROLLOUT_MEMORY, "'%s' is not what a rollout's evidence holds", where);
    return mw_mend(err, "the record was changed by hand: abort the rollout, and start it again");
}

static bool take_number(const mw_json *node, double *ret_value)
{
    double value;
    if (!mw_json_number(node, &value) || !isfinite(value))
        return false;
    *ret_value = value;
    return true;
}

static bool take_arm(const mw_json *node, mw_arm *ret_arm)
{
    mw_arm arm = {0};
    double *values = (double *)&arm;
    size_t n = mw_json_count(node);
    if (!mw_json_is_array(node) || n % 2 != 0)
        return false;
    for (size_t i = 0; i < n; i += 2) {
        double index, value;
        if (!take_number(mw_json_element(node, i), &index) ||
            !take_number(mw_json_element(node, i + 1), &value) || index < 0 ||
            index >= ARM_DOUBLES || index != floor(index))
            return false;
        values[(size_t)index] = value;
    }
    bool counts_are = arm.requests >= 0 && arm.errors >= 0 && arm.errors <= arm.requests;
    for (size_t i = 0; i < MW_ARM_SCORE_BINS; i++)
        counts_are = counts_are && arm.scores[i] >= 0;
    for (size_t g = 0; g < MW_ARM_GROUPS; g++)
        counts_are = counts_are && arm.group_n[g] >= 0;
    *ret_arm = arm;
    return counts_are;
}

static bool take_arms(const mw_json *node, mw_arm *ret_arms)
{
    for (size_t a = 0; a < MW_ARMS; a++)
        if (!take_arm(mw_json_element(node, a), &ret_arms[a]))
            return false;
    return true;
}

mw_status mw_arms_read(mw_view text, mw_arm ret_arms[MW_ARMS], mw_error *err)
{
    mw_json *root;
    MW_TRY(mw_json_read(text, &root, err));
    bool taken = mw_json_count(root) == MW_ARMS && take_arms(root, ret_arms);
    mw_json_free(root);
    return taken ? MW_OK : refuse("arms", err);
}

static bool take_closed(const mw_json *node, mw_closed *ret_closed)
{
    return take_number(mw_json_element(node, 0), &ret_closed->log_e) &&
           take_number(mw_json_element(node, 1), &ret_closed->precision) &&
           take_number(mw_json_element(node, 2), &ret_closed->weighted) &&
           ret_closed->precision >= 0;
}

static mw_status take(const mw_json *root, mw_rollout_memory *memory, mw_error *err)
{
    double version;
    const mw_json *closed = mw_json_member(root, "closed"), *edges = mw_json_member(root, "edges");
    if (!take_number(mw_json_member(root, "v"), &version) || version != 1)
        return refuse("v", err);
    if (!take_number(mw_json_member(root, "weight"), &memory->weight) || memory->weight < 0 ||
        memory->weight > 1)
        return refuse("weight", err);
    memory->epoch = 0; /* of an older text */
    (void)mw_json_integer(mw_json_member(root, "epoch"), &memory->epoch);
    if (memory->epoch < 0 || memory->epoch > INT32_MAX)
        return refuse("epoch", err);
    memory->is_shadow = mw_json_bool(mw_json_member(root, "shadow"), false);
    memory->is_watching = mw_json_bool(mw_json_member(root, "watching"), false);
    if (!take_arms(mw_json_member(root, "arms"), memory->arms))
        return refuse("arms", err);
    if (!take_arms(mw_json_member(root, "all"), memory->all))
        return refuse("all", err);
    /* an older text knows fewer metrics */
    for (size_t m = 0; m < MW_N_METRICS && m < mw_json_count(closed); m++)
        if (!take_closed(mw_json_element(closed, m), &memory->closed[m]))
            return refuse("closed", err);
    if (!mw_json_is_array(closed))
        return refuse("closed", err);
    if (!take_closed(mw_json_member(root, "split"), &memory->split))
        return refuse("split", err);
    const mw_json *columns = mw_json_member(root, "columns"); /* an older text has none */
    memory->n_covariates = mw_json_count(columns);
    if (memory->n_covariates > MW_ARM_COVARIATES)
        return refuse("columns", err);
    for (size_t i = 0; i < memory->n_covariates; i++)
        snprintf(memory->covariates[i], sizeof memory->covariates[i], "%.*s",
                 MW_VIEW_ARG(mw_json_text(mw_json_element(columns, i))));
    memory->n_edges = mw_json_count(edges);
    if (memory->n_edges > MW_COUNT(memory->edges))
        return refuse("edges", err);
    for (size_t i = 0; i < memory->n_edges; i++)
        if (!take_number(mw_json_element(edges, i), &memory->edges[i]))
            return refuse("edges", err);
    return MW_OK;
}

mw_status mw_rollout_memory_read(mw_view text, mw_rollout_memory *ret_memory, mw_error *err)
{
    mw_json *root;
    mw_rollout_memory memory;
    mw_rollout_memory_init(&memory);
    if (text.size == 0) { /* nothing was kept yet */
        *ret_memory = memory;
        return MW_OK;
    }
    MW_TRY(mw_json_read(text, &root, err));
    mw_status status = take(root, &memory, err);
    mw_json_free(root);
    if (status == MW_OK)
        *ret_memory = memory;
    return status;
}
