/* Feedback as text: JSON in the shapes that clients find natural, or CSV. */
#include "labels.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "shape.h"

#include "base/banned.h"

enum { TEXT_FLAG = 1, GROUPS_FLAG = 2, FIRST_LABELS = 16, GROUPS_BYTES_MAX = 1024 };

/* ---- one label ------------------------------------------------------------------------------- */

typedef struct gathering {
    mw_arena *arena;
    mw_view endpoint;
    int64_t now_ms;
    journal_label *labels;
    size_t n, capacity;
} gathering;

static mw_status fail_form(mw_error *err, const char *what)
{
    mw_fail(err, MW_E_FEEDBACK_FORM, "%s", what);
    return mw_mend(err, "send {\"id\": ID, \"label\": VALUE}, a list of such, {\"ids\": [...], "
                        "\"labels\": [...]}, or CSV with the columns id and label");
}

/* "ID#4" is row 4 of the request. */
static mw_status take_id(journal_label *label, mw_view id, mw_error *err)
{
    const char *mark = id.size ? memrchr(id.data, '#', id.size) : NULL;
    uint64_t row = 0;
    label->id = id;
    if (mark) {
        mw_view digits = {mark + 1, (size_t)(id.data + id.size - mark - 1)};
        label->id.size = (size_t)(mark - id.data);
        if (!mw_whole_parse(digits, &row) || row > UINT32_MAX)
            label->id.size = 0;
        label->row = (uint32_t)row;
    }
    if (label->id.size > 0 && label->id.size <= UINT16_MAX)
        return MW_OK;
    mw_fail(err, MW_E_FEEDBACK_FORM, "'%.*s' is no id of a prediction", MW_VIEW_ARG(id));
    return mw_mend(err, "it is the X-Request-ID of the answer, and #4 behind it for row 4");
}

/* ISO 8601 in UTC, or milliseconds since 1970. */
static mw_status take_time(journal_label *label, mw_view text, mw_error *err)
{
    uint64_t ms;
    if (mw_whole_parse(text, &ms) && ms <= INT64_MAX / 2) {
        label->told_ms = (int64_t)ms;
        return MW_OK;
    }
    if (mw_clock_read_utc(text, &label->told_ms))
        return MW_OK;
    mw_fail(err, MW_E_FEEDBACK_FORM, "'%.*s' is no time", MW_VIEW_ARG(text));
    return mw_mend(err, "write 2027-01-31T12:00:00Z, or milliseconds since 1970");
}

static void take_text(journal_label *label, mw_view text)
{
    label->is_text = !mw_number_parse(text.data, text.size, &label->number);
    label->text = text;
    if (label->is_text && (mw_view_is_nocase(text, "true") || mw_view_is_nocase(text, "false"))) {
        label->is_text = false;
        label->number = mw_view_is_nocase(text, "true");
    }
}

static mw_status check_label(const journal_label *label, mw_error *err)
{
    bool is_there = label->is_text ? label->text.size > 0 && label->text.size <= UINT16_MAX
                                   : isfinite(label->number);
    if (is_there)
        return MW_OK;
    mw_fail(err, MW_E_FEEDBACK_FORM, "the label of '%.*s' is missing", MW_VIEW_ARG(label->id));
    return mw_mend(err, "a label is a number, true or false, or the name of a class");
}

/* ---- who it is about ------------------------------------------------------------------------- */

static mw_status fail_group(mw_view name, mw_error *err)
{
    mw_fail(err, MW_E_FEEDBACK_FORM, "the group '%.*s' cannot be kept",
            (int)(name.size < 60 ? name.size : 60), name.size ? name.data : "");
    return mw_mend(err,
                   "\"groups\": {\"sex\": \"F\", \"age\": 44}: names without '=', values of one "
                   "line, %d bytes in all",
                   GROUPS_BYTES_MAX);
}

/* One more "name=value\n". */
static mw_status add_group(gathering *g, journal_label *label, mw_view name, mw_view value,
                           mw_error *err)
{
    size_t size = label->groups.size + name.size + value.size + 2;
    if (name.size == 0 || memchr(name.data, '=', name.size) || memchr(name.data, '\n', name.size) ||
        (value.size > 0 && memchr(value.data, '\n', value.size)) || size > GROUPS_BYTES_MAX)
        return fail_group(name, err);
    char *all = mw_arena_take(g->arena, size), *at = all;
    if (!all)
        return mw_fail_memory(err, "the labels");
    if (label->groups.size > 0)
        memcpy(at, label->groups.data, label->groups.size);
    at += label->groups.size;
    memcpy(at, name.data, name.size);
    at += name.size;
    *at++ = '=';
    if (value.size > 0)
        memcpy(at, value.data, value.size);
    all[size - 1] = '\n';
    label->groups = (mw_view){all, size};
    return MW_OK;
}

/* The next place, with what all labels have in common; NULL when memory is gone. */
static journal_label *next_place(gathering *g)
{
    if (g->n == g->capacity) {
        size_t wanted = g->capacity ? 2 * g->capacity : FIRST_LABELS;
        journal_label *grown = mw_arena_take(g->arena, wanted * sizeof *grown);
        if (!grown)
            return NULL;
        if (g->n > 0)
            memcpy(grown, g->labels, g->n * sizeof *grown);
        g->labels = grown;
        g->capacity = wanted;
    }
    journal_label *place = &g->labels[g->n];
    *place = (journal_label){.endpoint = g->endpoint, .number = (double)NAN, .told_ms = g->now_ms};
    return place;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static mw_status scan_value(mw_scan *scan, mw_arena *arena, journal_label *label, mw_error *err)
{
    bool yes;
    switch (mw_scan_peek(scan)) {
    case MW_SCAN_STRING:
        MW_TRY(mw_scan_string(scan, arena, &label->text, err));
        take_text(label, label->text);
        return MW_OK;
    case MW_SCAN_TRUE:
    case MW_SCAN_FALSE:
        MW_TRY(mw_scan_bool(scan, &yes, err));
        label->number = yes;
        return MW_OK;
    case MW_SCAN_NULL:
        return mw_scan_null(scan, err); /* check_label says what is wrong */
    default:
        return mw_scan_number(scan, &label->number, err);
    }
}

static mw_status scan_id(mw_scan *scan, mw_arena *arena, journal_label *label, mw_error *err)
{
    mw_view id;
    uint32_t row = label->row;
    MW_TRY(mw_scan_string(scan, arena, &id, err));
    MW_TRY(take_id(label, id, err));
    label->row = label->id.size < id.size ? label->row : row;
    return MW_OK;
}

/* A text, or a number or true as it was written; null is nothing told. */
static mw_status scan_group_value(gathering *g, mw_scan *scan, journal_label *label, mw_view name,
                                  mw_error *err)
{
    mw_view value;
    switch (mw_scan_peek(scan)) {
    case MW_SCAN_STRING:
        MW_TRY(mw_scan_string(scan, g->arena, &value, err));
        break;
    case MW_SCAN_NULL:
        return mw_scan_null(scan, err);
    case MW_SCAN_OBJECT:
    case MW_SCAN_ARRAY:
        return fail_group(name, err);
    default:
        MW_TRY(mw_scan_skip(scan, &value, err));
    }
    return add_group(g, label, name, value, err);
}

static mw_status scan_groups(gathering *g, mw_scan *scan, journal_label *label, mw_error *err)
{
    MW_TRY(mw_scan_object_begin(scan, err));
    for (;;) {
        bool more;
        mw_view name;
        MW_TRY(mw_scan_object_next(scan, g->arena, &name, &more, err));
        if (!more)
            return MW_OK;
        MW_TRY(scan_group_value(g, scan, label, name, err));
    }
}

static mw_status scan_row(mw_scan *scan, journal_label *label, mw_error *err)
{
    int64_t row;
    MW_TRY(mw_scan_integer(scan, &row, err));
    if (row < 0 || row > UINT32_MAX)
        return fail_form(err, "a row is a whole number from 0");
    label->row = (uint32_t)row;
    return MW_OK;
}

static mw_status scan_time(mw_scan *scan, mw_arena *arena, journal_label *label, mw_error *err)
{
    mw_view text;
    if (mw_scan_peek(scan) == MW_SCAN_STRING)
        MW_TRY(mw_scan_string(scan, arena, &text, err));
    else
        MW_TRY(mw_scan_skip(scan, &text, err));
    return take_time(label, text, err);
}

enum { LISTS_MAX = 8 };

/* Lists that stand side by side: {"ids": [...], "labels": [...]}. */
typedef struct columns {
    mw_scan ids, labels; /* copies of the scanner at their beginning */
    mw_scan all_groups;
    bool has_ids, has_labels, has_groups;
    mw_scan groups[LISTS_MAX];
    mw_view names[LISTS_MAX];
    size_t n_groups;
} columns;

/* {"groups": {"sex": ["F", "M"]}}: whether they are lists is seen at the first. */
static mw_status scan_group_lists(gathering *g, mw_scan scan, columns *lists, mw_error *err)
{
    MW_TRY(mw_scan_object_begin(&scan, err));
    for (;;) {
        bool more;
        mw_view name;
        MW_TRY(mw_scan_object_next(&scan, g->arena, &name, &more, err));
        if (!more)
            return MW_OK;
        if (mw_scan_peek(&scan) != MW_SCAN_ARRAY || lists->n_groups == LISTS_MAX)
            return fail_group(name, err);
        lists->groups[lists->n_groups] = scan;
        lists->names[lists->n_groups++] = name;
        MW_TRY(mw_scan_skip(&scan, NULL, err));
    }
}

static mw_status scan_list(gathering *g, mw_scan *scan, mw_error *err);

static mw_status scan_member(gathering *g, mw_scan *scan, mw_view key, journal_label *label,
                             columns *lists, bool *ret_nested, mw_error *err)
{
    if (mw_view_is(key, "id") || mw_view_is(key, "prediction_id") || mw_view_is(key, "request_id"))
        return scan_id(scan, g->arena, label, err);
    if (mw_view_is(key, "label") || mw_view_is(key, "actual") || mw_view_is(key, "value"))
        return scan_value(scan, g->arena, label, err);
    if (mw_view_is(key, "row"))
        return scan_row(scan, label, err);
    if (mw_view_is(key, "time"))
        return scan_time(scan, g->arena, label, err);
    if (mw_view_is(key, "groups")) {
        lists->all_groups = *scan;
        lists->has_groups = true;
        return mw_scan_skip(scan, NULL, err);
    }
    if (mw_view_is(key, "feedback")) {
        *ret_nested = true;
        return scan_list(g, scan, err);
    }
    if (mw_view_is(key, "ids")) {
        lists->ids = *scan;
        lists->has_ids = true;
    } else if (mw_view_is(key, "labels")) {
        lists->labels = *scan;
        lists->has_labels = true;
    }
    return mw_scan_skip(scan, NULL, err); /* what else clients add */
}

static mw_status scan_columns(gathering *g, columns *lists, mw_error *err)
{
    bool more, more_labels;
    MW_TRY(mw_scan_array_begin(&lists->ids, err));
    MW_TRY(mw_scan_array_begin(&lists->labels, err));
    if (lists->has_groups)
        MW_TRY(scan_group_lists(g, lists->all_groups, lists, err));
    for (size_t l = 0; l < lists->n_groups; l++)
        MW_TRY(mw_scan_array_begin(&lists->groups[l], err));
    for (;;) {
        MW_TRY(mw_scan_array_next(&lists->ids, &more, err));
        MW_TRY(mw_scan_array_next(&lists->labels, &more_labels, err));
        if (more != more_labels)
            return fail_form(err, "ids and labels are not equally many");
        journal_label *label = more ? next_place(g) : NULL;
        if (more && !label)
            return mw_fail_memory(err, "the labels");
        for (size_t l = 0; l < lists->n_groups; l++) {
            bool more_groups;
            MW_TRY(mw_scan_array_next(&lists->groups[l], &more_groups, err));
            if (more_groups != more)
                return fail_form(err, "ids and groups are not equally many");
            if (more)
                MW_TRY(scan_group_value(g, &lists->groups[l], label, lists->names[l], err));
        }
        if (!more)
            return MW_OK;
        MW_TRY(scan_id(&lists->ids, g->arena, label, err));
        MW_TRY(scan_value(&lists->labels, g->arena, label, err));
        MW_TRY(check_label(label, err));
        g->n++;
    }
}

static mw_status scan_object(gathering *g, mw_scan *scan, mw_error *err)
{
    mw_view key;
    columns lists = {.has_ids = false};
    bool is_nested = false;
    journal_label label = {.endpoint = g->endpoint, .number = (double)NAN, .told_ms = g->now_ms};
    MW_TRY(mw_scan_object_begin(scan, err));
    for (;;) {
        bool more;
        MW_TRY(mw_scan_object_next(scan, g->arena, &key, &more, err));
        if (!more)
            break;
        MW_TRY(scan_member(g, scan, key, &label, &lists, &is_nested, err));
    }
    if (lists.has_ids && lists.has_labels)
        return scan_columns(g, &lists, err);
    if (is_nested)
        return MW_OK;
    if (label.id.size == 0)
        return fail_form(err, "there is no id");
    MW_TRY(check_label(&label, err));
    if (lists.has_groups)
        MW_TRY(scan_groups(g, &lists.all_groups, &label, err));
    journal_label *place = next_place(g);
    if (!place)
        return mw_fail_memory(err, "the labels");
    *place = label;
    g->n++;
    return MW_OK;
}

static mw_status scan_list(gathering *g, mw_scan *scan, mw_error *err)
{
    bool more;
    MW_TRY(mw_scan_array_begin(scan, err));
    for (size_t i = 0;; i++) {
        MW_TRY(mw_scan_array_next(scan, &more, err));
        if (!more)
            return MW_OK;
        if (scan_object(g, scan, err) != MW_OK)
            return mw_at(err, "label %zu", i);
    }
}

static mw_status read_json(gathering *g, mw_view body, mw_error *err)
{
    mw_scan scan;
    mw_scan_init(&scan, body);
    if (mw_scan_peek(&scan) == MW_SCAN_ARRAY)
        MW_TRY(scan_list(g, &scan, err));
    else
        MW_TRY(scan_object(g, &scan, err));
    return mw_scan_end(&scan, err);
}

/* ---- CSV ------------------------------------------------------------------------------------- */

typedef struct csv_places {
    size_t id, label, row, time; /* SIZE_MAX: no such column */
    const mw_view *names;        /* "groups.sex" tells a group */
    size_t n;
    char separator;
} csv_places;

static const char groups_prefix[] = "groups.";

static mw_status read_header(mw_view *text, mw_arena *arena, csv_places *ret, size_t *ret_n,
                             mw_error *err)
{
    mw_view *names;
    size_t used;
    *ret = (csv_places){SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, NULL, 0, ','};
    if (mw_view_starts(*text, "\xef\xbb\xbf"))
        *text = (mw_view){text->data + 3, text->size - 3};
    if (text->size == 0)
        return fail_form(err, "the text is empty");
    ret->separator = mw_csv_separator(*text);
    MW_TRY(mw_csv_read_fields(*text, ret->separator, 1, 0, arena, &names, ret_n, &used, err));
    *text = (mw_view){text->data + used, text->size - used};
    ret->names = names;
    ret->n = *ret_n;
    for (size_t i = 0; i < *ret_n; i++) {
        if (mw_view_is(names[i], "id") || mw_view_is(names[i], "prediction_id"))
            ret->id = i;
        else if (mw_view_is(names[i], "label") || mw_view_is(names[i], "actual"))
            ret->label = i;
        else if (mw_view_is(names[i], "row"))
            ret->row = i;
        else if (mw_view_is(names[i], "time"))
            ret->time = i;
    }
    if (ret->id == SIZE_MAX || ret->label == SIZE_MAX)
        return fail_form(err, "the header has no column 'id', or none 'label'");
    return MW_OK;
}

static mw_status take_field_groups(gathering *g, journal_label *label, const mw_view *fields,
                                   const csv_places *places, mw_error *err)
{
    size_t skip = sizeof groups_prefix - 1;
    for (size_t i = 0; i < places->n; i++) {
        mw_view name = places->names[i];
        if (mw_view_starts(name, groups_prefix) && fields[i].size > 0)
            MW_TRY(
                add_group(g, label, (mw_view){name.data + skip, name.size - skip}, fields[i], err));
    }
    return MW_OK;
}

static mw_status take_fields(journal_label *label, const mw_view *fields, const csv_places *places,
                             mw_error *err)
{
    uint64_t row;
    if (places->row != SIZE_MAX && fields[places->row].size > 0) {
        if (!mw_whole_parse(fields[places->row], &row) || row > UINT32_MAX)
            return fail_form(err, "a row is a whole number from 0");
        label->row = (uint32_t)row;
    }
    MW_TRY(take_id(label, fields[places->id], err));
    if (places->time != SIZE_MAX && fields[places->time].size > 0)
        MW_TRY(take_time(label, fields[places->time], err));
    take_text(label, fields[places->label]);
    return check_label(label, err);
}

static mw_status read_csv(gathering *g, mw_view text, mw_error *err)
{
    csv_places places;
    size_t n_columns;
    uint64_t line = 1;
    MW_TRY(read_header(&text, g->arena, &places, &n_columns, err));
    while (text.size > 0) {
        mw_view *fields;
        size_t n, used;
        MW_TRY(mw_csv_read_fields(text, places.separator, ++line, n_columns, g->arena, &fields, &n,
                                  &used, err));
        text = (mw_view){text.data + used, text.size - used};
        if (n == 1 && fields[0].size == 0)
            continue;
        journal_label *label = next_place(g);
        if (!label)
            return mw_fail_memory(err, "the labels");
        mw_status status = n == n_columns ? take_fields(label, fields, &places, err)
                                          : fail_form(err, "a line is of another length");
        if (status == MW_OK)
            status = take_field_groups(g, label, fields, &places, err);
        if (status != MW_OK)
            return mw_at(err, "line %llu", (unsigned long long)line);
        g->n++;
    }
    return MW_OK;
}

mw_status journal_labels_read(mw_view body, bool is_csv, mw_view endpoint, int64_t now_ms,
                              mw_arena *arena, journal_label **ret_labels, size_t *ret_count,
                              mw_error *err)
{
    gathering g = {.arena = arena, .endpoint = endpoint, .now_ms = now_ms};
    mw_status status = is_csv ? read_csv(&g, body, err) : read_json(&g, body, err);
    if (status != MW_OK)
        return status;
    *ret_labels = g.labels;
    *ret_count = g.n;
    return MW_OK;
}

/* ---- as bytes -------------------------------------------------------------------------------- */

void journal_label_write(const journal_label *label, mw_buf *out)
{
    uint32_t one = 1;
    uint16_t id_size = (uint16_t)label->id.size;
    uint16_t groups_size = (uint16_t)label->groups.size;
    size_t groups = groups_size ? sizeof groups_size + groups_size : 0;
    uint8_t tail[2] = {(uint8_t)((label->is_text ? TEXT_FLAG : 0) | (groups ? GROUPS_FLAG : 0)),
                       (uint8_t)label->endpoint.size};
    size_t value = label->is_text ? label->text.size : sizeof label->number;
    uint32_t size =
        (uint32_t)(JOURNAL_RECORD_HEAD_BYTES + label->id.size + tail[1] + groups + value);
    mw_buf_bytes(out, &size, 4);
    mw_buf_bytes(out, &label->told_ms, 8);
    mw_buf_bytes(out, &label->row, 4);
    mw_buf_bytes(out, &one, 4);
    mw_buf_bytes(out, &id_size, 2);
    mw_buf_bytes(out, tail, 2);
    mw_buf_view(out, label->id);
    mw_buf_bytes(out, label->endpoint.data, tail[1]);
    if (groups > 0) {
        mw_buf_bytes(out, &groups_size, sizeof groups_size);
        mw_buf_view(out, label->groups);
    }
    mw_buf_bytes(out, label->is_text ? (const void *)label->text.data : &label->number, value);
}

bool journal_label_next(mw_view *text, journal_label *ret)
{
    const char *at = text->data;
    if (text->size < JOURNAL_RECORD_HEAD_BYTES)
        return false;
    size_t size = (size_t)mw_protobuf_little(at, 4), id = (size_t)mw_protobuf_little(at + 20, 2),
           endpoint = (unsigned char)at[23], fixed = JOURNAL_RECORD_HEAD_BYTES + id + endpoint;
    bool is_text = at[22] & TEXT_FLAG;
    mw_view groups = {NULL, 0};
    if ((at[22] & GROUPS_FLAG) && size <= text->size && size >= fixed + 2) {
        groups = (mw_view){at + fixed + 2, (size_t)mw_protobuf_little(at + fixed, 2)};
        fixed += 2 + groups.size;
    }
    if (size > text->size || size < fixed || (!is_text && size - fixed != sizeof ret->number))
        return false;
    *ret = (journal_label){.told_ms = (int64_t)mw_protobuf_little(at + 4, 8),
                           .row = (uint32_t)mw_protobuf_little(at + 12, 4),
                           .id = {at + JOURNAL_RECORD_HEAD_BYTES, id},
                           .endpoint = {at + JOURNAL_RECORD_HEAD_BYTES + id, endpoint},
                           .is_text = is_text,
                           .groups = groups,
                           .text = {at + fixed, size - fixed}};
    if (!is_text)
        memcpy(&ret->number, at + fixed, sizeof ret->number);
    *text = (mw_view){at + size, text->size - size};
    return true;
}
