/* See elsewhere.h.
 *
 *     magic | mark | names of slices | shapes | observations, each of a shape | keys of misfits |
 * sum
 */
#include "elsewhere.h"

#include <math.h>
#include <stdlib.h>

#include "shape.h"

#include "base/banned.h"

#define MAGIC "MWTOLD01"

enum { OBSERVATION_BYTES_MIN = 20, NAME_BYTES = 1024 };

void journal_elsewhere_init(journal_elsewhere *elsewhere, const journal_joiner *own, size_t n_max)
{
    *elsewhere = (journal_elsewhere){.n_servers = 0};
    journal_joiner_init(&elsewhere->seen, own->folder, NULL, n_max);
    memcpy(elsewhere->seen.slice_names, own->slice_names, sizeof own->slice_names);
}

void journal_elsewhere_done(journal_elsewhere *elsewhere)
{
    journal_joiner_done(&elsewhere->seen);
}

/* ---- out ------------------------------------------------------------------------------------- */

static bool has_shares(const mw_log_shape *shape)
{
    return shape->answer == MW_LOG_PROBABILITIES && shape->n_outputs > 2;
}

/* Columns that are private say nothing elsewhere. */
static void pack_shape(const journal_group *group, mw_buf *out)
{
    mw_buf bytes;
    mw_log_column columns[JOURNAL_SLICES_MAX];
    mw_log_shape slim = group->shape;
    slim.columns = columns;
    slim.n_columns = 0;
    for (size_t s = 0; s < JOURNAL_SLICES_MAX; s++)
        if (group->slices[s] >= 0)
            columns[slim.n_columns++] = group->shape.columns[group->slices[s]];
    mw_buf_init(&bytes, MW_LIMIT_LOG_BLOCK_BYTES);
    journal_shape_write(&slim, &bytes);
    mw_pack_whole(out, bytes.size);
    mw_buf_view(out, mw_buf_as_view(&bytes));
    out->failed |= bytes.failed;
    mw_buf_done(&bytes);
}

static void pack_item(const journal_joiner *own, const journal_observation *item, uint64_t shape,
                      mw_buf *out)
{
    const journal_group *group = own->groups[item->group];
    mw_pack_whole(out, shape);
    mw_pack_whole(out, item->key);
    mw_pack_whole(out, (uint64_t)item->made_ms);
    mw_pack_whole(out, (uint64_t)item->told_ms);
    mw_pack_number(out, item->label);
    mw_pack_number(out, item->score);
    if (has_shares(&group->shape))
        mw_pack_numbers(out, item->shares, group->shape.n_outputs);
    for (size_t s = 0; s < JOURNAL_SLICES_MAX && own->slice_names[s]; s++) {
        ptrdiff_t c = group->slices[s];
        bool is_kept = c >= 0 && group->shape.columns[c].treatment == MW_LOG_KEPT;
        mw_pack_real(out, is_kept ? item->slices[s] : (float)NAN);
    }
}

/* Places of those that are due; they are told then. */
static size_t choose(journal_joiner *own, int64_t since_ms, size_t *places)
{
    size_t n = 0, n_values = 0;
    for (size_t i = 0; i < own->n && own->n_untold > 0 && n < MW_LIMIT_TOLD_LABELS &&
                       n_values < MW_LIMIT_TOLD_VALUES;
         i++) {
        journal_observation *item = &own->items[i];
        if (item->is_told)
            continue;
        item->is_told = true;
        own->n_untold--;
        const mw_log_shape *shape = &own->groups[item->group]->shape;
        bool lacks_shares = has_shares(shape) && !item->shares;
        n_values += has_shares(shape) ? shape->n_outputs : 0;
        if (item->told_ms >= since_ms && isfinite(item->score) && !lacks_shares)
            places[n++] = i;
    }
    return n;
}

static void pack_all(journal_joiner *own, const size_t *places, size_t n, uint32_t *shapes,
                     mw_buf *out)
{
    size_t n_names = 0, n_shapes = 0;
    while (n_names < JOURNAL_SLICES_MAX && own->slice_names[n_names])
        n_names++;
    mw_pack_whole(out, n_names);
    for (size_t s = 0; s < n_names; s++)
        mw_pack_text(out, own->slice_names[s]);
    for (size_t i = 0; i < n; i++) { /* 0: not there yet */
        uint32_t *shape = &shapes[own->items[places[i]].group];
        *shape = *shape ? *shape : (uint32_t)++n_shapes;
    }
    mw_pack_whole(out, n_shapes);
    for (size_t s = 1; s <= n_shapes; s++)
        for (size_t g = 0; g < own->n_groups; g++)
            if (shapes[g] == s)
                pack_shape(own->groups[g], out);
    mw_pack_whole(out, n);
    for (size_t i = 0; i < n; i++) {
        const journal_observation *item = &own->items[places[i]];
        pack_item(own, item, shapes[item->group] - 1, out);
    }
    mw_pack_whole(out, own->n_misfits);
    for (size_t i = 0; i < own->n_misfits; i++)
        mw_pack_whole(out, own->misfits[i]);
}

void journal_elsewhere_pack(journal_joiner *own, uint64_t mark, int64_t since_ms, mw_buf *out)
{
    size_t begin = out->size;
    if (own->n_untold + own->n_misfits == 0)
        return;
    size_t *places = calloc(MW_LIMIT_TOLD_LABELS, sizeof *places);
    uint32_t *shapes = calloc(own->n_groups + 1, sizeof *shapes);
    size_t n = places && shapes ? choose(own, since_ms, places) : 0;
    if (places && shapes && n + own->n_misfits > 0) {
        mw_buf_text(out, MAGIC);
        mw_pack_whole(out, mark);
        pack_all(own, places, n, shapes, out);
        mw_pack_whole(out, mw_fnv(MW_FNV_BEGIN, out->data + begin, out->size - begin));
        own->n_misfits = 0;
    }
    free(places);
    free(shapes);
}

/* ---- in -------------------------------------------------------------------------------------- */

typedef struct told {
    mw_arena arena; /* of shapes */
    uint64_t mark;
    ptrdiff_t slices[JOURNAL_SLICES_MAX]; /* ours, of each of theirs; -1 */
    size_t n_slices;
    mw_log_shape *shapes;
    size_t n_shapes;
    journal_observation *items; /* their group is a place in shapes */
    size_t n_items;
    uint64_t *misfits;
    size_t n_misfits;
} told;

static void told_done(told *t)
{
    for (size_t i = 0; i < t->n_items; i++)
        free(t->items[i].shares);
    free(t->items);
    free(t->misfits);
    mw_arena_done(&t->arena);
}

static bool read_slices(mw_unpack *in, const journal_joiner *seen, told *t)
{
    t->n_slices = mw_unpack_at_most(in, JOURNAL_SLICES_MAX);
    for (size_t s = 0; s < t->n_slices; s++) {
        mw_view name = mw_unpack_text(in, NAME_BYTES);
        t->slices[s] = -1;
        for (size_t o = 0; o < JOURNAL_SLICES_MAX && seen->slice_names[o]; o++)
            t->slices[s] = mw_view_is(name, seen->slice_names[o]) ? (ptrdiff_t)o : t->slices[s];
    }
    return !in->failed;
}

static bool read_shapes(mw_unpack *in, told *t)
{
    mw_error err;
    t->n_shapes = mw_unpack_count(in, JOURNAL_GROUPS_MAX, 1);
    t->shapes = mw_arena_take_zeroed(&t->arena, t->n_shapes + 1, sizeof *t->shapes);
    for (size_t i = 0; t->shapes && i < t->n_shapes && !in->failed; i++) {
        size_t size = mw_unpack_count(in, MW_LIMIT_LOG_BLOCK_BYTES, 1);
        const char *bytes = mw_unpack_bytes(in, size);
        if (!bytes ||
            journal_shape_read((mw_view){bytes, size}, &t->arena, &t->shapes[i], &err) != MW_OK)
            return false;
    }
    return t->shapes && !in->failed;
}

static bool is_class(double value, size_t n)
{
    return value >= 0 && value < (double)n && floor(value) == value;
}

/* What the measures count on. */
static bool fits(const journal_observation *item, const mw_log_shape *shape)
{
    size_t n = shape->n_classes ? shape->n_classes : 2;
    if (!isfinite(item->label) || !isfinite(item->score) || shape->n_outputs == 0)
        return false;
    if (shape->answer == MW_LOG_NUMBER)
        return true;
    bool says_class = shape->answer == MW_LOG_CLASS || has_shares(shape);
    return is_class(item->label, n) && (!says_class || is_class(item->score, n));
}

static bool read_shares(mw_unpack *in, size_t n, journal_observation *item)
{
    if (mw_unpack_left(in) < n * sizeof(double))
        return false;
    item->shares = malloc(n * sizeof *item->shares);
    if (item->shares)
        mw_unpack_numbers(in, item->shares, n);
    for (size_t i = 0; item->shares && i < n; i++)
        if (!isfinite(item->shares[i]))
            return false;
    return item->shares && !in->failed;
}

static bool read_item(mw_unpack *in, const told *t, journal_observation *item)
{
    uint64_t shape = mw_unpack_at_most(in, t->n_shapes);
    if (in->failed || shape >= t->n_shapes)
        return false;
    *item = (journal_observation){.group = (uint32_t)shape, .is_told = true};
    item->key = mw_unpack_whole(in);
    item->made_ms = (int64_t)mw_unpack_whole(in);
    item->told_ms = (int64_t)mw_unpack_whole(in);
    item->label = mw_unpack_number(in);
    item->score = mw_unpack_number(in);
    const mw_log_shape *of = &t->shapes[shape];
    if (has_shares(of) && (of->n_outputs != of->n_classes || !read_shares(in, of->n_outputs, item)))
        return false;
    memset(item->groups, 0xff, sizeof item->groups); /* of no group that is asked for */
    for (size_t s = 0; s < JOURNAL_SLICES_MAX; s++)
        item->slices[s] = (float)NAN;
    for (size_t s = 0; s < t->n_slices; s++) {
        float value = mw_unpack_real(in);
        if (t->slices[s] >= 0)
            item->slices[t->slices[s]] = value;
    }
    return !in->failed && fits(item, of);
}

static bool read_items(mw_unpack *in, told *t)
{
    size_t n = mw_unpack_count(in, MW_LIMIT_TOLD_LABELS, OBSERVATION_BYTES_MIN);
    t->items = calloc(n + 1, sizeof *t->items);
    for (; t->items && t->n_items < n && !in->failed; t->n_items++)
        if (!read_item(in, t, &t->items[t->n_items])) {
            free(t->items[t->n_items].shares);
            return false;
        }
    t->n_misfits = mw_unpack_count(in, MW_LIMIT_TOLD_MISFITS, 1);
    t->misfits = calloc(t->n_misfits + 1, sizeof *t->misfits);
    for (size_t i = 0; t->misfits && i < t->n_misfits; i++)
        t->misfits[i] = mw_unpack_whole(in);
    return t->items && t->misfits && !in->failed;
}

static bool read_all(mw_view bytes, const journal_joiner *seen, told *t)
{
    mw_unpack in = mw_unpack_of(bytes);
    const char *magic = mw_unpack_bytes(&in, sizeof MAGIC - 1);
    if (!magic || memcmp(magic, MAGIC, sizeof MAGIC - 1) != 0)
        return false;
    t->mark = mw_unpack_whole(&in);
    if (!read_slices(&in, seen, t) || !read_shapes(&in, t) || !read_items(&in, t))
        return false;
    size_t size = bytes.size - mw_unpack_left(&in);
    uint64_t sum = mw_unpack_whole(&in);
    return !in.failed && in.at == in.end && sum == mw_fnv(MW_FNV_BEGIN, bytes.data, size);
}

/* 0: this one. */
static uint8_t server_of(journal_elsewhere *elsewhere, uint64_t own, uint64_t mark)
{
    size_t at = 0;
    if (mark == own)
        return 0;
    while (at < elsewhere->n_servers && elsewhere->marks[at] != mark)
        at++;
    if (at == elsewhere->n_servers && at < JOURNAL_SERVERS)
        elsewhere->marks[elsewhere->n_servers++] = mark;
    return (uint8_t)(at < JOURNAL_SERVERS ? at + 1 : JOURNAL_SERVERS);
}

/* The item is taken. */
static mw_status put(journal_elsewhere *elsewhere, journal_joiner *own, const mw_log_shape *shape,
                     journal_observation *item, mw_error *err)
{
    journal_observation taken = *item;
    item->shares = NULL;
    bool is_own = journal_note_told(own, &taken);
    if (!is_own)
        journal_end_waiting(own, taken.key);
    mw_status status =
        is_own ? MW_OK : journal_group_of(&elsewhere->seen, shape, &taken.group, err);
    bool is_put = false;
    if (!is_own && status == MW_OK)
        status = journal_put(&elsewhere->seen, &taken, &is_put, err);
    if (!is_put)
        free(taken.shares);
    return status;
}

mw_status journal_elsewhere_hear(journal_elsewhere *elsewhere, journal_joiner *own, uint64_t mark,
                                 mw_view bytes, mw_error *err)
{
    told t = {.n_items = 0};
    mw_status status = MW_OK;
    mw_arena_init(&t.arena, 16 * MW_KIB, 64 * MW_MIB);
    if (!read_all(bytes, &elsewhere->seen, &t)) {
        mw_fail(err, MW_E_LABELS_TOLD, "labels of another server are damaged, or a newer one's");
        status = mw_mend(err, "start all servers of the record with the same version");
    }
    uint8_t server = status == MW_OK ? server_of(elsewhere, mark, t.mark) : 0;
    for (size_t i = 0; status == MW_OK && i < t.n_items; i++) {
        t.items[i].server = server;
        status = put(elsewhere, own, &t.shapes[t.items[i].group], &t.items[i], err);
    }
    for (size_t i = 0; status == MW_OK && i < t.n_misfits; i++)
        journal_end_waiting(own, t.misfits[i]);
    own->counts.waiting = own->n_waiting;
    told_done(&t);
    return status;
}
