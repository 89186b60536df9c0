/* See shape.h. A shape is a protocol buffer:
 *
 *     1 endpoint  2 version  3 column { 1 name  2 treatment  3 category... }...  4 outputs
 *     5 class...  6 answer   7 classes, where they have no names   8 mark of the model
 *     9 contributions may be there */
#include "shape.h"

#include <sodium.h>
#include <stdlib.h>

#include "checksum.h"

#include "base/banned.h"

/* ---- making ---------------------------------------------------------------------------------- */

static bool is_listed(const char *list, mw_view name)
{
    mw_view rest = mw_view_of(list);
    while (rest.size > 0)
        if (mw_view_equal(mw_view_trim(mw_view_cut(&rest, ',')), name))
            return true;
    return false;
}

static mw_log_answer answer_of(const mw_forest *forest, size_t n_outputs)
{
    if (forest->n_classes == 0)
        return MW_LOG_NUMBER;
    if (n_outputs > 1)
        return n_outputs == forest->n_classes ? MW_LOG_PROBABILITIES : MW_LOG_NUMBER;
    switch (forest->transform) {
    case MW_TRANSFORM_ARGMAX:
    case MW_TRANSFORM_HINGE:
    case MW_TRANSFORM_SIGMOID_LABEL:
    case MW_TRANSFORM_SOFTMAX_LABEL:
        return MW_LOG_CLASS;
    case MW_TRANSFORM_SIGMOID:
        return MW_LOG_PROBABILITY;
    default:
        return MW_LOG_NUMBER; /* margins, or what a graph makes */
    }
}

/* Cheap, for it is taken while somebody waits: sizes, and values picked evenly. */
uint64_t mw_journal_model(const mw_forest *forest)
{
    enum { PICKED = 512 };
    struct {
        uint64_t bytes, trees, nodes, features;
        double values[2 * PICKED];
    } seen = {forest->file_bytes, forest->n_trees, forest->n_nodes, forest->n_features, {0}};
    size_t step = forest->n_nodes / PICKED + 1;
    for (size_t i = 0; i * step < forest->n_nodes && !forest->graph; i++)
        mw_forest_see(forest, i * step, &seen.values[2 * i], &seen.values[2 * i + 1]);
    return journal_hash((mw_view){(const char *)&seen, sizeof seen});
}

typedef struct packing {
    char *at;
} packing;

static void *take(packing *p, size_t bytes)
{
    void *taken = p->at;
    p->at += (bytes + 7) / 8 * 8;
    return taken;
}

static mw_view keep(packing *p, mw_view text)
{
    char *copy = take(p, text.size);
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    return (mw_view){copy, text.size};
}

static const mw_view *keep_list(packing *p, const mw_view *texts, size_t n)
{
    if (!texts)
        return NULL;
    mw_view *kept = take(p, n * sizeof *kept);
    for (size_t i = 0; i < n; i++)
        kept[i] = keep(p, texts[i]);
    return kept;
}

static size_t list_bytes(const mw_view *texts, size_t n)
{
    size_t bytes = texts ? n * sizeof *texts : 0;
    for (size_t i = 0; texts && i < n; i++)
        bytes += texts[i].size + 8;
    return bytes;
}

static size_t shape_bytes(const mw_journal_entry *entry)
{
    const mw_forest *forest = entry->forest;
    size_t bytes = sizeof(mw_log_shape) + strlen(entry->endpoint) + 16 +
                   list_bytes(forest->class_labels, forest->n_classes);
    for (size_t c = 0; c < forest->schema.n_columns; c++) {
        const mw_column *column = &forest->schema.columns[c];
        bytes += sizeof(mw_log_column) + column->name.size + 8 +
                 list_bytes(column->categories, column->n_categories);
    }
    return bytes;
}

static void fill_column(packing *p, const mw_column *column, const journal_privacy *privacy,
                        mw_log_column *ret)
{
    mw_log_treatment treatment = is_listed(privacy->dropped, column->name)  ? MW_LOG_DROPPED
                                 : is_listed(privacy->hashed, column->name) ? MW_LOG_HASHED
                                                                            : MW_LOG_KEPT;
    bool tells = treatment == MW_LOG_KEPT && column->categories;
    *ret = (mw_log_column){.name = keep(p, column->name),
                           .treatment = treatment,
                           .n_categories = tells ? column->n_categories : 0};
    ret->categories = tells ? keep_list(p, column->categories, column->n_categories) : NULL;
}

mw_log_shape *journal_shape_make(const mw_journal_entry *entry, uint32_t number,
                                 const journal_privacy *privacy)
{
    const mw_forest *forest = entry->forest;
    size_t n = forest->schema.n_columns, bytes = shape_bytes(entry);
    if (n != entry->rows->n_columns || n > MW_LIMIT_LOG_COLUMNS || bytes > MW_LIMIT_LOG_SHAPE_BYTES)
        return NULL;
    packing p = {calloc(1, bytes)};
    if (!p.at)
        return NULL;
    mw_log_shape *shape = take(&p, sizeof *shape);
    *shape = (mw_log_shape){.number = number,
                            .version = entry->version,
                            .model = mw_journal_model(forest),
                            .answer = answer_of(forest, entry->n_outputs),
                            .n_columns = n,
                            .n_outputs = entry->n_outputs,
                            .n_classes = forest->n_classes};
    shape->columns = take(&p, n * sizeof *shape->columns);
    shape->endpoint = keep(&p, mw_view_of(entry->endpoint));
    shape->classes = keep_list(&p, forest->class_labels, forest->n_classes);
    for (size_t c = 0; c < n; c++)
        fill_column(&p, &forest->schema.columns[c], privacy, &shape->columns[c]);
    return shape;
}

/* ---- as bytes -------------------------------------------------------------------------------- */

void journal_shape_write(const mw_log_shape *shape, mw_buf *out)
{
    mw_protobuf_put_text(out, 1, shape->endpoint);
    mw_protobuf_put_number(out, 2, shape->version);
    for (size_t c = 0; c < shape->n_columns; c++) {
        const mw_log_column *column = &shape->columns[c];
        size_t begin = mw_protobuf_begin(out, 3);
        mw_protobuf_put_text(out, 1, column->name);
        mw_protobuf_put_number(out, 2, column->treatment);
        for (size_t i = 0; i < column->n_categories; i++)
            mw_protobuf_put_text_always(out, 3, column->categories[i]);
        mw_protobuf_end(out, begin);
    }
    mw_protobuf_put_number(out, 4, shape->n_outputs);
    for (size_t i = 0; shape->classes && i < shape->n_classes; i++)
        mw_protobuf_put_text_always(out, 5, shape->classes[i]);
    mw_protobuf_put_number(out, 6, shape->answer);
    mw_protobuf_put_number(out, 7, shape->classes ? 0 : shape->n_classes);
    mw_protobuf_put_fixed64(out, 8, shape->model);
    mw_protobuf_put_number(out, 9, shape->explains);
}

static mw_status fail_shape(mw_error *err)
{
    mw_fail(err, MW_E_JOURNAL_DAMAGED, "what rows look like cannot be read");
    return mw_mend(err, "the block is passed over, and the rows that it describes");
}

static size_t count_fields(mw_view bytes, uint32_t number)
{
    mw_protobuf message = mw_protobuf_of(bytes);
    mw_protobuf_field field;
    size_t n = 0;
    while (mw_protobuf_next(&message, &field) == MW_PROTOBUF_FIELD)
        n += field.number == number && field.type == MW_PROTOBUF_BYTES;
    return n;
}

static bool read_column(mw_view bytes, mw_arena *arena, mw_log_column *ret)
{
    mw_protobuf message = mw_protobuf_of(bytes);
    mw_protobuf_field field;
    mw_protobuf_outcome outcome;
    size_t n = count_fields(bytes, 3);
    mw_view *categories = n ? mw_arena_take_zeroed(arena, n, sizeof *categories) : NULL;
    *ret = (mw_log_column){.categories = categories};
    if (n && !categories)
        return false;
    while ((outcome = mw_protobuf_next(&message, &field)) == MW_PROTOBUF_FIELD) {
        if (field.number == 1 && field.type == MW_PROTOBUF_BYTES)
            ret->name = field.bytes;
        else if (field.number == 2 && field.value <= MW_LOG_DROPPED)
            ret->treatment = (mw_log_treatment)field.value;
        else if (field.number == 3 && field.type == MW_PROTOBUF_BYTES)
            categories[ret->n_categories++] = field.bytes;
    }
    return outcome == MW_PROTOBUF_END;
}

static bool take_field(const mw_protobuf_field *field, mw_arena *arena, mw_log_shape *shape,
                       mw_view *classes)
{
    bool is_bytes = field->type == MW_PROTOBUF_BYTES;
    if (field->number == 1 && is_bytes)
        shape->endpoint = field->bytes;
    else if (field->number == 2)
        shape->version = (unsigned)field->value;
    else if (field->number == 3 && is_bytes)
        return read_column(field->bytes, arena, &shape->columns[shape->n_columns++]);
    else if (field->number == 4)
        shape->n_outputs = (size_t)field->value;
    else if (field->number == 5 && is_bytes)
        classes[shape->n_classes++] = field->bytes;
    else if (field->number == 6 && field->value <= MW_LOG_CLASS)
        shape->answer = (mw_log_answer)field->value;
    else if (field->number == 7 && !is_bytes && !classes)
        shape->n_classes = (size_t)field->value;
    else if (field->number == 8)
        shape->model = field->value;
    else if (field->number == 9)
        shape->explains = field->value != 0;
    return true;
}

mw_status journal_shape_read(mw_view given, mw_arena *arena, mw_log_shape *ret_shape, mw_error *err)
{
    char *copy = mw_arena_take(arena, given.size + 1);
    if (!copy)
        return mw_fail_memory(err, "what rows look like");
    memcpy(copy, given.data, given.size);
    mw_view bytes = {copy, given.size};
    size_t n_columns = count_fields(bytes, 3), n_classes = count_fields(bytes, 5);
    mw_protobuf message = mw_protobuf_of(bytes);
    mw_protobuf_field field;
    mw_protobuf_outcome outcome;
    mw_log_shape shape = {0};
    shape.columns = mw_arena_take_zeroed(arena, n_columns + 1, sizeof *shape.columns);
    mw_view *classes = n_classes ? mw_arena_take_zeroed(arena, n_classes, sizeof *classes) : NULL;
    if (!shape.columns || (n_classes && !classes))
        return mw_fail_memory(err, "what rows look like");
    shape.classes = classes;
    while ((outcome = mw_protobuf_next(&message, &field)) == MW_PROTOBUF_FIELD)
        if (!take_field(&field, arena, &shape, classes))
            return fail_shape(err);
    if (outcome != MW_PROTOBUF_END || shape.endpoint.size == 0 ||
        shape.endpoint.size > MW_LIMIT_NAME_BYTES || shape.n_outputs > MW_LIMIT_OUTPUTS ||
        shape.n_classes > MW_LIMIT_OUTPUTS || n_columns > MW_LIMIT_LOG_COLUMNS)
        return fail_shape(err);
    *ret_shape = shape;
    return MW_OK;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static bool all_float32(const mw_log_shape *shape, const double *inputs, size_t n_rows)
{
    for (size_t c = 0; c < shape->n_columns; c++)
        if (shape->columns[c].treatment == MW_LOG_HASHED)
            return false;
    for (size_t i = 0; i < n_rows * shape->n_columns; i++)
        if ((double)(float)inputs[i] != inputs[i] && inputs[i] == inputs[i])
            return false;
    return true;
}

double journal_hash_value(double value, const journal_privacy *privacy)
{
    double hidden;
    unsigned char hash[crypto_shorthash_BYTES];
    _Static_assert(sizeof hidden == sizeof hash, "a hash stands in a value's place");
    value = value == value ? value + 0.0 : 0.0 / 0.0; /* one zero, one NaN */
    crypto_shorthash(hash, (const unsigned char *)&value, sizeof value, privacy->key);
    memcpy(&hidden, hash, sizeof hidden);
    return hidden;
}

static void put_inputs(const mw_log_shape *shape, const journal_privacy *privacy,
                       const double *inputs, bool as_float32, mw_buf *out)
{
    for (size_t c = 0; c < shape->n_columns; c++) {
        mw_log_treatment treatment = shape->columns[c].treatment;
        if (treatment == MW_LOG_DROPPED)
            continue;
        double value =
            treatment == MW_LOG_HASHED ? journal_hash_value(inputs[c], privacy) : inputs[c];
        float narrow = (float)inputs[c];
        mw_buf_bytes(out, as_float32 ? (void *)&narrow : (void *)&value,
                     as_float32 ? sizeof narrow : sizeof value);
    }
}

static void put(mw_buf *out, const void *data, size_t size)
{
    mw_buf_bytes(out, data, size);
}

static bool is_private(const mw_log_shape *shape, size_t c)
{
    return c < shape->n_columns && shape->columns[c].treatment != MW_LOG_KEPT;
}

/* A private column's own is as private: it follows from the value. */
static void put_contributions(const mw_log_shape *shape, const double *values, mw_buf *out)
{
    for (size_t c = 0; c <= shape->n_columns; c++) {
        float narrow = (float)values[c];
        if (!is_private(shape, c))
            put(out, &narrow, sizeof narrow);
    }
}

void journal_rows_write(const mw_log_shape *shape, const journal_privacy *privacy,
                        const journal_rows *rows, mw_buf *out)
{
    size_t begin = out->size;
    uint32_t size = 0;
    uint16_t id_size = (uint16_t)(rows->id.size <= UINT16_MAX ? rows->id.size : UINT16_MAX);
    bool is_float32 = all_float32(shape, rows->inputs, rows->n_rows);
    uint8_t tail[2] = {(uint8_t)((is_float32 ? JOURNAL_FLOAT32 : 0) |
                                 (rows->contributions ? JOURNAL_EXPLAINED : 0)),
                       0};
    put(out, &size, 4);
    put(out, &rows->time_ms, 8);
    put(out, &rows->first_row, 4);
    put(out, &rows->n_rows, 4);
    put(out, &id_size, 2);
    put(out, tail, 2);
    put(out, rows->id.data, id_size);
    for (size_t row = 0; row < rows->n_rows; row++)
        put_inputs(shape, privacy, rows->inputs + row * shape->n_columns, is_float32, out);
    put(out, rows->outputs, rows->n_rows * shape->n_outputs * sizeof(double));
    for (size_t row = 0; rows->contributions && row < rows->n_rows; row++)
        put_contributions(shape, rows->contributions + row * (shape->n_columns + 1), out);
    size = (uint32_t)(out->size - begin);
    if (!out->failed)
        memcpy(out->data + begin, &size, sizeof size);
}

static size_t kept_columns(const mw_log_shape *shape)
{
    size_t n = 0;
    for (size_t c = 0; c < shape->n_columns; c++)
        n += shape->columns[c].treatment != MW_LOG_DROPPED;
    return n;
}

static uint64_t explained_bytes(const mw_log_shape *shape)
{
    size_t n = 0;
    for (size_t c = 0; c <= shape->n_columns; c++)
        n += !is_private(shape, c);
    return n * sizeof(float);
}

bool journal_record_next(mw_view *text, const mw_log_shape *shape, journal_record *ret)
{
    const char *at = text->data;
    if (text->size < JOURNAL_RECORD_HEAD_BYTES)
        return false;
    uint64_t size = mw_protobuf_little(at, 4), id_size = mw_protobuf_little(at + 20, 2);
    *ret = (journal_record){.time_ms = (int64_t)mw_protobuf_little(at + 4, 8),
                            .first_row = (uint32_t)mw_protobuf_little(at + 12, 4),
                            .n_rows = (uint32_t)mw_protobuf_little(at + 16, 4),
                            .id = {at + JOURNAL_RECORD_HEAD_BYTES, (size_t)id_size},
                            .is_float32 = at[22] & JOURNAL_FLOAT32};
    uint64_t row_bytes = kept_columns(shape) * (ret->is_float32 ? 4 : 8), /* n_columns is capped */
        inputs = row_bytes * ret->n_rows, outputs = 8 * (uint64_t)shape->n_outputs * ret->n_rows,
             explained = at[22] & JOURNAL_EXPLAINED ? explained_bytes(shape) * ret->n_rows : 0;
    if (ret->n_rows > MW_LIMIT_LOG_BLOCK_BYTES || size > text->size ||
        JOURNAL_RECORD_HEAD_BYTES + id_size + inputs + outputs + explained != size ||
        ret->first_row + ret->n_rows < ret->first_row)
        return false;
    ret->inputs = at + JOURNAL_RECORD_HEAD_BYTES + id_size;
    ret->outputs = ret->inputs + inputs;
    ret->contributions = explained > 0 ? ret->outputs + outputs : NULL;
    *text = (mw_view){at + size, text->size - (size_t)size};
    return true;
}

void journal_record_row(const journal_record *record, const mw_log_shape *shape, uint32_t row,
                        double *ret_inputs, double *ret_outputs)
{
    size_t width = record->is_float32 ? 4 : 8;
    const char *at = record->inputs + row * kept_columns(shape) * width;
    for (size_t c = 0; c < shape->n_columns; c++) {
        float narrow;
        ret_inputs[c] = 0.0 / 0.0;
        if (shape->columns[c].treatment == MW_LOG_DROPPED)
            continue;
        if (record->is_float32) {
            memcpy(&narrow, at, sizeof narrow);
            ret_inputs[c] = (double)narrow;
        } else {
            memcpy(&ret_inputs[c], at, sizeof ret_inputs[c]);
        }
        at += width;
    }
    if (shape->n_outputs > 0)
        memcpy(ret_outputs, record->outputs + row * shape->n_outputs * sizeof(double),
               shape->n_outputs * sizeof(double));
}

const double *journal_record_contributions(const journal_record *record, const mw_log_shape *shape,
                                           uint32_t row, double *ret)
{
    if (!record->contributions)
        return NULL;
    const char *at = record->contributions + row * explained_bytes(shape);
    for (size_t c = 0; c <= shape->n_columns; c++) {
        float narrow;
        ret[c] = 0.0 / 0.0;
        if (is_private(shape, c))
            continue;
        memcpy(&narrow, at, sizeof narrow);
        ret[c] = (double)narrow;
        at += sizeof narrow;
    }
    return ret[shape->n_columns] == ret[shape->n_columns] ? ret : NULL; /* the bias: NaN of none */
}
