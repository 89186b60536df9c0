/* Lines of the exposition format, read by hand: strict in form, indifferent to what is beside. */
#include "samples.h"

#include <math.h>
#include <stdlib.h>

/* ---- labels ---------------------------------------------------------------------------------- */

/* Few: a line's labels come nearly sorted. */
void alert_labels_sort(alert_label *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        alert_label moved = items[i];
        size_t at = i;
        for (; at > 0 && mw_view_order(items[at - 1].name, moved.name) > 0; at--)
            items[at] = items[at - 1];
        items[at] = moved;
    }
}

mw_view alert_label_of(alert_labels labels, mw_view name)
{
    for (size_t i = 0; i < labels.count; i++)
        if (mw_view_equal(labels.items[i].name, name))
            return labels.items[i].value;
    return MW_VIEW("");
}

bool alert_labels_equal(alert_labels a, alert_labels b)
{
    if (a.count != b.count)
        return false;
    for (size_t i = 0; i < a.count; i++)
        if (!mw_view_equal(a.items[i].name, b.items[i].name) ||
            !mw_view_equal(a.items[i].value, b.items[i].value))
            return false;
    return true;
}

/* With an end, so that what stands behind it is no part of it. */
static uint64_t hash_view(uint64_t hash, mw_view view)
{
    static const uint8_t end = 0xff;
    return mw_fnv(mw_fnv_view(hash, view), &end, sizeof end);
}

uint64_t alert_labels_hash(alert_labels labels)
{
    uint64_t hash = MW_FNV_BEGIN;
    for (size_t i = 0; i < labels.count; i++)
        hash = hash_view(hash_view(hash, labels.items[i].name), labels.items[i].value);
    return hash;
}

static bool is_letter(char c, bool is_metric)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (is_metric && c == ':');
}

static size_t name_size(const char *at, const char *end, bool is_metric)
{
    const char *from = at;
    while (at < end && (is_letter(*at, is_metric) || (at > from && *at >= '0' && *at <= '9')))
        at++;
    return (size_t)(at - from);
}

bool alert_name_is_good(mw_view name, bool is_metric)
{
    return name.size > 0 && name_size(name.data, name.data + name.size, is_metric) == name.size;
}

/* ---- one line -------------------------------------------------------------------------------- */

typedef struct line_reader {
    const char *at, *end;
    mw_arena *arena;
    const char *fault; /* what is wrong; NULL: memory */
} line_reader;

static void skip_blanks(line_reader *in)
{
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\t'))
        in->at++;
}

static bool take(line_reader *in, char c)
{
    skip_blanks(in);
    if (in->at == in->end || *in->at != c)
        return false;
    in->at++;
    return true;
}

static bool fail_line(line_reader *in, const char *fault)
{
    in->fault = fault;
    return false;
}

/* Behind the first quote; escapes \\ \" \n are undone into a copy. */
static bool read_text(line_reader *in, mw_view *ret_value)
{
    const char *from = in->at;
    size_t n_escapes = 0;
    for (; in->at < in->end && *in->at != '"'; in->at++) {
        if (*in->at != '\\')
            continue;
        n_escapes++;
        if (++in->at == in->end || !strchr("\\\"n", *in->at) || !*in->at)
            return fail_line(in, "an escape that is none of \\\\ \\\" \\n");
    }
    if (in->at == in->end)
        return fail_line(in, "a label's value does not end");
    *ret_value = (mw_view){from, (size_t)(in->at - from)};
    in->at++;
    if (n_escapes == 0)
        return true;
    char *copy = mw_arena_take(in->arena, ret_value->size);
    if (!copy)
        return fail_line(in, NULL);
    size_t n = 0;
    for (size_t i = 0; i < ret_value->size; i++) {
        bool escaped = from[i] == '\\';
        i += escaped;
        copy[n++] = escaped && from[i] == 'n' ? '\n' : from[i];
    }
    *ret_value = (mw_view){copy, n};
    return true;
}

static bool read_labels(line_reader *in, alert_labels *ret_labels)
{
    alert_label found[MW_LIMIT_ALERT_LABELS];
    size_t count = 0;
    while (!take(in, '}')) {
        if (count == MW_LIMIT_ALERT_LABELS)
            return fail_line(in, "too many labels");
        alert_label *label = &found[count];
        skip_blanks(in);
        label->name = (mw_view){in->at, name_size(in->at, in->end, false)};
        in->at += label->name.size;
        if (label->name.size == 0 || !take(in, '=') || !take(in, '"'))
            return fail_line(in, "a label is written name=\"value\"");
        if (!read_text(in, &label->value))
            return false;
        count++;
        if (!take(in, ',') && (in->at == in->end || *in->at != '}'))
            return fail_line(in, "labels are parted by commas and end with '}'");
    }
    alert_labels_sort(found, count);
    for (size_t i = 1; i < count; i++)
        if (mw_view_equal(found[i - 1].name, found[i].name))
            return fail_line(in, "a label stands there twice");
    alert_label *kept = mw_arena_take(in->arena, count * sizeof *kept);
    if (!kept)
        return fail_line(in, NULL);
    memcpy(kept, found, count * sizeof *kept);
    *ret_labels = (alert_labels){kept, count};
    return true;
}

static bool read_value(line_reader *in, double *ret_value)
{
    skip_blanks(in);
    const char *from = in->at;
    while (in->at < in->end && *in->at != ' ' && *in->at != '\t')
        in->at++;
    mw_view text = {from, (size_t)(in->at - from)};
    if (mw_view_is(text, "+Inf"))
        *ret_value = INFINITY;
    else if (text.size == 0 || !mw_number_parse(text.data, text.size, ret_value))
        return fail_line(in, "the value is no number");
    return true;
}

static bool read_line(line_reader *in, alert_sample *ret_sample)
{
    skip_blanks(in);
    ret_sample->name = (mw_view){in->at, name_size(in->at, in->end, true)};
    ret_sample->labels = (alert_labels){NULL, 0};
    in->at += ret_sample->name.size;
    if (ret_sample->name.size == 0)
        return fail_line(in, "no name of a metric");
    if (take(in, '{') && !read_labels(in, &ret_sample->labels))
        return false;
    return read_value(in, &ret_sample->value); /* a time stamp or exemplar may be behind it */
}

/* ---- all of them ----------------------------------------------------------------------------- */

static mw_status fail_read(const line_reader *in, size_t line, mw_error *err)
{
    if (!in->fault)
        return mw_fail_memory(err, "the metrics that rules look at");
    mw_fail(err, MW_E_ALERT_SAMPLES, "%s", in->fault);
    return mw_at(err, "line %zu", line);
}

mw_status alert_samples_read(mw_view text, mw_arena *arena, alert_samples *ret_samples,
                             mw_error *err)
{
    size_t n_lines = 1, line = 0, count = 0;
    for (size_t i = 0; i < text.size; i++)
        n_lines += text.data[i] == '\n';
    if (n_lines > MW_LIMIT_ALERT_SAMPLES)
        n_lines = MW_LIMIT_ALERT_SAMPLES;
    alert_sample *samples = mw_arena_take(arena, n_lines * sizeof *samples);
    if (!samples)
        return mw_fail_memory(err, "the metrics that rules look at");
    while (text.size > 0) {
        mw_view one = mw_view_trim(mw_view_cut(&text, '\n'));
        line_reader in = {one.data, one.data + one.size, arena, NULL};
        line++;
        if (one.size == 0 || *one.data == '#')
            continue;
        if (count == n_lines)
            return fail_read(&in, line, err);
        if (!read_line(&in, &samples[count++]))
            return fail_read(&in, line, err);
    }
    *ret_samples = (alert_samples){samples, count};
    return MW_OK;
}
