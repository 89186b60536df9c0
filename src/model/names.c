/* Integers in text, and the schema. */
#include "names.h"

bool model_parse_integer(mw_view text, int64_t *ret_value)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    size_t i = negative;
    int64_t value = 0;
    if (i == text.size)
        return false;
    for (; i < text.size; i++) {
        int digit = text.data[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value))
            return false;
    }
    /* summed downwards: INT64_MIN has no positive twin */
    if (!negative && value == INT64_MIN)
        return false;
    *ret_value = negative ? value : -value;
    return true;
}

bool model_stays_inside(mw_view path)
{
    bool wrong = path.size == 0 || path.data[0] == '/' || memchr(path.data, '\0', path.size);
    while (path.size > 0 && !wrong) {
        const char *slash = memchr(path.data, '/', path.size);
        size_t size = slash ? (size_t)(slash - path.data) : path.size;
        wrong = mw_view_is((mw_view){path.data, size}, "..");
        size += slash != NULL;
        path = (mw_view){path.data + size, path.size - size};
    }
    return !wrong;
}

mw_status model_at_key(mw_error *err, const char *key)
{
    char inner[sizeof err->where];
    memcpy(inner, err->where, sizeof inner);
    if (inner[0] == '\0' || strncmp(inner, "byte ", 5) == 0)
        return mw_at(err, "%s", key);
    err->where[0] = '\0';
    return mw_at(err, "%s%s%s", key, inner[0] == '[' ? "" : ".", inner);
}

mw_status model_at_index(mw_error *err, size_t index)
{
    char place[32];
    snprintf(place, sizeof place, "[%zu]", index);
    return model_at_key(err, place);
}

mw_status model_keep_text(mw_forest *forest, mw_view text, const char **ret_text, mw_error *err)
{
    const char *copy = mw_arena_text(&forest->arena, text);
    if (!copy)
        return mw_fail_memory(err, "a model");
    *ret_text = copy;
    return MW_OK;
}

mw_status model_check_features(const mw_forest *forest, mw_error *err)
{
    /* A feature takes about a hundred bytes of schema; a file may not make us spend much more
     * than itself. */
    const size_t always = 65536;
    size_t most = forest->file_bytes > always ? forest->file_bytes : always;
    if (most > MW_LIMIT_FEATURES)
        most = MW_LIMIT_FEATURES;
    if (forest->n_features <= most)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_LIMIT, "the model declares %zu features, over the limit of %zu",
            forest->n_features, most);
    mw_why(err, "the file has %zu bytes", forest->file_bytes);
    return mw_mend(err, "save the model again; this file was damaged or edited by hand");
}

/* Names for the columns that have none, in one piece of memory. */
static mw_status make_up_names(mw_column *columns, size_t n, const char *prefix, char **ret_text,
                               mw_error *err)
{
    enum { NAME_BYTES = 24 };
    char *text = malloc(n * NAME_BYTES + 1);
    if (!text)
        return mw_fail_memory(err, "names of features");
    for (size_t i = 0; i < n; i++) {
        if (columns[i].name.size > 0)
            continue;
        char *name = text + i * NAME_BYTES;
        int size = snprintf(name, NAME_BYTES, "%s%zu", prefix, i);
        columns[i].name = (mw_view){name, (size_t)size};
    }
    *ret_text = text;
    return MW_OK;
}

mw_status model_set_schema(mw_forest *forest, mw_column *columns, bool named, const char *prefix,
                           mw_error *err)
{
    char *text = NULL;
    size_t n = forest->n_features;
    MW_TRY(make_up_names(columns, n, prefix, &text, err));
    mw_status status = mw_schema_make(columns, n, named, &forest->arena, &forest->schema, err);
    free(text);
    return status;
}
