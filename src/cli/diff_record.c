/* What differs between two versions as the record knows them. */
#include "diff.h"

#include <math.h>

static const mw_view none = {NULL, 0};

/* ---- pairs by key ---------------------------------------------------------------------------- */

/* The value that `tags` has for a key. */
static mw_view value_of(const mw_tags *tags, mw_view key)
{
    for (size_t i = 0; i < tags->count; i++)
        if (mw_view_equal(tags->items[i].key, key))
            return tags->items[i].value.data ? tags->items[i].value : MW_VIEW("");
    return none;
}

static void diff_tags(diff *d, const char *section, const mw_tags *before, const mw_tags *after)
{
    for (size_t i = 0; i < before->count; i++) {
        const mw_tag *tag = &before->items[i];
        diff_text(d, section, tag->key, tag->value.data ? tag->value : MW_VIEW(""),
                  value_of(after, tag->key));
    }
    for (size_t i = 0; i < after->count; i++)
        if (!value_of(before, after->items[i].key).data)
            diff_text(d, section, after->items[i].key, none, after->items[i].value);
}

static const mw_metric *metric_of(const mw_metrics *metrics, mw_view key)
{
    for (size_t i = 0; i < metrics->count; i++)
        if (mw_view_equal(metrics->items[i].key, key))
            return &metrics->items[i];
    return NULL;
}

static void diff_metric(diff *d, mw_view key, const mw_metric *before, const mw_metric *after)
{
    mw_buf a, b;
    mw_buf_init(&a, 128);
    mw_buf_init(&b, 128);
    if (before)
        mw_json_write_double(&a, before->value);
    if (after)
        mw_json_write_double(&b, after->value);
    if (before && after && before->value != after->value) {
        mw_buf_text(&b, after->value < before->value ? " (" : " (+");
        mw_json_write_double(&b, after->value - before->value);
        mw_buf_char(&b, ')');
    }
    diff_text(d, "metrics", key, before ? mw_buf_as_view(&a) : none,
              after ? mw_buf_as_view(&b) : none);
    mw_buf_done(&a);
    mw_buf_done(&b);
}

static void diff_metrics(diff *d, const mw_metrics *before, const mw_metrics *after)
{
    for (size_t i = 0; i < before->count; i++)
        diff_metric(d, before->items[i].key, &before->items[i],
                    metric_of(after, before->items[i].key));
    for (size_t i = 0; i < after->count; i++)
        if (!metric_of(before, after->items[i].key))
            diff_metric(d, after->items[i].key, NULL, &after->items[i]);
}

/* ---- passports ------------------------------------------------------------------------------- */

static mw_view digest_of(const mw_passport *p, mw_view name)
{
    for (size_t i = 0; i < p->data.count; i++)
        if (mw_view_equal(p->data.items[i].name, name))
            return p->data.items[i].digest;
    return none;
}

static void diff_data(diff *d, const mw_passport *a, const mw_passport *b)
{
    for (size_t i = 0; i < a->data.count; i++)
        diff_text(d, "data", a->data.items[i].name, a->data.items[i].digest,
                  digest_of(b, a->data.items[i].name));
    for (size_t i = 0; i < b->data.count; i++)
        if (!digest_of(a, b->data.items[i].name).data)
            diff_text(d, "data", b->data.items[i].name, none, b->data.items[i].digest);
}

static mw_view library_of(const mw_passport *p, mw_view name)
{
    for (size_t i = 0; i < p->libraries.count; i++)
        if (mw_view_equal(p->libraries.items[i].name, name))
            return p->libraries.items[i].version;
    return none;
}

static void diff_environment(diff *d, const mw_passport *a, const mw_passport *b)
{
    diff_text(d, "environment", MW_VIEW("python"), a->python, b->python);
    diff_text(d, "environment", MW_VIEW("mlflow"), a->mlflow_version, b->mlflow_version);
    diff_text(d, "environment", MW_VIEW("flavors"), a->flavors, b->flavors);
    for (size_t i = 0; i < a->libraries.count; i++)
        diff_text(d, "environment", a->libraries.items[i].name, a->libraries.items[i].version,
                  library_of(b, a->libraries.items[i].name));
    for (size_t i = 0; i < a->libraries.count; i++) {
        const mw_library *old = &a->libraries.items[i];
        mw_view now = library_of(b, old->name);
        const char *what = now.data ? mw_library_change(old->name, old->version, now) : NULL;
        if (what)
            diff_add(d, "notes", old->name, none, mw_view_of(what), false);
    }
    for (size_t i = 0; i < b->libraries.count; i++)
        if (!library_of(a, b->libraries.items[i].name).data)
            diff_text(d, "environment", b->libraries.items[i].name, none,
                      b->libraries.items[i].version);
}

static void diff_code(diff *d, const mw_passport *a, const mw_passport *b)
{
    static const mw_view words[] = {MW_VIEW("no"), MW_VIEW("yes")};
    diff_text(d, "code", MW_VIEW("commit"), a->commit, b->commit);
    diff_text(d, "code", MW_VIEW("branch"), a->branch, b->branch);
    diff_text(d, "code", MW_VIEW("repository"), a->repository, b->repository);
    diff_text(d, "code", MW_VIEW("entry"), a->entry, b->entry);
    diff_text(d, "code", MW_VIEW("not committed"), a->dirty < 0 ? none : words[a->dirty != 0],
              b->dirty < 0 ? none : words[b->dirty != 0]);
    diff_text(d, "code", MW_VIEW("patch"), a->patch, b->patch);
}

/* ---- signatures ------------------------------------------------------------------------------ */

/* By name; without one by its place among the inputs, or among the outputs. */
static const mw_passport_column *column_of(const mw_passport *p, const mw_passport_column *like,
                                           size_t place)
{
    for (size_t i = 0, n = 0; i < p->columns.count; i++) {
        const mw_passport_column *c = &p->columns.items[i];
        if (c->is_output != like->is_output)
            continue;
        if (like->name.size ? mw_view_equal(c->name, like->name) : n == place)
            return c;
        n++;
    }
    return NULL;
}

/* "double, optional, 18..90, 3 % missing" */
static mw_view describe(diff *d, const mw_passport_column *c)
{
    mw_buf text;
    if (!c)
        return none;
    mw_buf_init(&text, 8 * MW_KIB);
    mw_buf_format(&text, "%.*s%s", MW_VIEW_ARG(c->type), c->required ? "" : ", optional");
    for (size_t i = 0; i < c->n_was; i++)
        mw_buf_format(&text, "%s%.*s", i ? ", " : ", was ", MW_VIEW_ARG(c->was[i]));
    if (!isnan(c->low)) {
        mw_buf_text(&text, ", ");
        mw_json_write_double(&text, c->low);
        mw_buf_text(&text, "..");
        mw_json_write_double(&text, c->high);
    }
    if (c->missing > 0)
        mw_buf_format(&text, ", %.0f %% missing", 100 * c->missing);
    char *kept = mw_arena_text(d->arena, mw_buf_as_view(&text));
    mw_buf_done(&text);
    d->no_memory = d->no_memory || !kept;
    return kept ? mw_view_of(kept) : none;
}

static void diff_column(diff *d, const mw_passport_column *like, size_t place,
                        const mw_passport_column *before, const mw_passport_column *after)
{
    char number[24];
    int size = snprintf(number, sizeof number, "column %zu", place);
    diff_text(d, like->is_output ? "outputs" : "signature",
              like->name.size ? like->name : (mw_view){number, (size_t)size}, describe(d, before),
              describe(d, after));
}

static void diff_signature(diff *d, const mw_passport *a, const mw_passport *b)
{
    size_t n[2] = {0, 0}, m[2] = {0, 0}; /* inputs and outputs seen */
    for (size_t i = 0; i < a->columns.count; i++) {
        const mw_passport_column *c = &a->columns.items[i];
        size_t place = n[c->is_output]++;
        diff_column(d, c, place, c, column_of(b, c, place));
    }
    for (size_t i = 0; i < b->columns.count; i++) {
        const mw_passport_column *c = &b->columns.items[i];
        size_t place = m[c->is_output]++;
        if (!column_of(a, c, place))
            diff_column(d, c, place, NULL, c);
    }
}

void diff_records(diff *d, const mw_lineage *before, const mw_lineage *after)
{
    const mw_passport *a = &before->passport, *b = &after->passport;
    diff_text(d, "files", MW_VIEW("digest"), a->digest, b->digest);
    diff_data(d, a, b);
    diff_tags(d, "params", &before->run.params, &after->run.params);
    diff_metrics(d, &before->run.metrics, &after->run.metrics);
    diff_signature(d, a, b);
    diff_environment(d, a, b);
    diff_code(d, a, b);
}
