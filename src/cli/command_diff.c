/* model diff: two models or versions, side by side. */
#include <unistd.h>

#include "diff.h"
#include "look.h"
#include "members.h"

enum { TEXT_BYTES_MAX = 64 << 20, KEY_COLUMN = 24, VALUE_SHOWN = 60, FIRST_LINES = 64 };

/* ---- lines ----------------------------------------------------------------------------------- */

void diff_add(diff *d, const char *section, mw_view key, mw_view before, mw_view after, bool breaks)
{
    if (d->n_lines == d->capacity) {
        size_t wider = d->capacity ? 2 * d->capacity : FIRST_LINES;
        diff_line *lines = mw_arena_take(d->arena, wider * sizeof *lines);
        if (!lines) {
            d->no_memory = true;
            return;
        }
        if (d->n_lines > 0)
            memcpy(lines, d->lines, d->n_lines * sizeof *lines);
        d->lines = lines;
        d->capacity = wider;
    }
    mw_view *texts[] = {&key, &before, &after};
    for (size_t i = 0; i < MW_COUNT(texts); i++) {
        char *kept = texts[i]->data ? mw_arena_text(d->arena, *texts[i]) : NULL;
        d->no_memory = d->no_memory || (texts[i]->data && !kept);
        *texts[i] = (mw_view){kept, kept ? texts[i]->size : 0};
    }
    d->lines[d->n_lines++] = (diff_line){section, key, before, after, breaks};
}

void diff_text(diff *d, const char *section, mw_view key, mw_view before, mw_view after)
{
    if ((before.data != NULL) != (after.data != NULL) || !mw_view_equal(before, after))
        diff_add(d, section, key, before, after, false);
}

void diff_size(diff *d, const char *section, const char *key, size_t before, size_t after)
{
    char a[24], b[24];
    int n_a = snprintf(a, sizeof a, "%zu", before), n_b = snprintf(b, sizeof b, "%zu", after);
    diff_text(d, section, mw_view_of(key), (mw_view){a, (size_t)n_a}, (mw_view){b, (size_t)n_b});
}

/* ---- showing --------------------------------------------------------------------------------- */

static void put_value(mw_buf *out, mw_view value)
{
    if (!value.data)
        mw_buf_text(out, "-");
    else if (value.size > VALUE_SHOWN)
        mw_buf_format(out, "%.*s...", VALUE_SHOWN, value.data);
    else
        mw_buf_view(out, value);
}

static void write_line(const diff_line *line, mw_buf *out)
{
    size_t start = out->size;
    mw_buf_format(out, "  %.*s", MW_VIEW_ARG(line->key));
    cli_pad(out, start, KEY_COLUMN);
    mw_buf_char(out, ' ');
    bool is_sentence = strcmp(line->section, "contract") == 0 ||
                       strcmp(line->section, "notes") == 0 ||
                       (strcmp(line->section, "structure") == 0 && !line->before.data);
    if (!is_sentence) {
        put_value(out, line->before);
        mw_buf_text(out, " -> ");
        put_value(out, line->after);
    } else {
        mw_buf_view(out, line->after);
    }
    mw_buf_text(out, line->breaks ? "  (breaks)\n" : "\n");
}

static void write_text(const diff *d, const diff_side sides[2], mw_buf *out)
{
    const char *section = "";
    if (d->n_lines == 0) {
        mw_buf_format(out, "%s and %s are equal\n", sides[0].text, sides[1].text);
        return;
    }
    mw_buf_format(out, "%s -> %s\n", sides[0].text, sides[1].text);
    for (size_t i = 0; i < d->n_lines; i++) {
        if (strcmp(d->lines[i].section, section) != 0)
            mw_buf_format(out, "%s\n", d->lines[i].section);
        section = d->lines[i].section;
        write_line(&d->lines[i], out);
    }
}

static void write_json(const diff *d, const diff_side sides[2], mw_buf *out)
{
    size_t n_breaking = 0;
    for (size_t i = 0; i < d->n_lines; i++)
        n_breaking += d->lines[i].breaks;
    mw_buf_char(out, '{');
    cli_member_text(out, "before", mw_view_of(sides[0].text));
    cli_member_text(out, "after", mw_view_of(sides[1].text));
    cli_member_bool(out, "equal", d->n_lines == 0);
    cli_member_bool(out, "breaks", n_breaking > 0);
    cli_member(out, "differences");
    mw_buf_char(out, '[');
    for (size_t i = 0; i < d->n_lines; i++) {
        const diff_line *line = &d->lines[i];
        cli_member_comma(out);
        mw_buf_char(out, '{');
        cli_member_text(out, "section", mw_view_of(line->section));
        cli_member_text(out, "key", line->key);
        cli_member_text(out, "before", line->before);
        cli_member_text(out, "after", line->after);
        cli_member_bool(out, "breaks", line->breaks);
        mw_buf_char(out, '}');
    }
    mw_buf_text(out, "]}\n");
}

/* ---- the sides ------------------------------------------------------------------------------- */

typedef struct lookup {
    mw_view address;
    mw_lineage *lineage;
} lookup;

static mw_status find(mw_record *record, void *given, mw_error *err)
{
    lookup *l = given;
    return mw_record_lineage(record, l->address, l->lineage, err);
}

/* "credit/3", "credit@champion", "credit/latest", "models:/..."; what exists as a path is one. */
static bool is_version(const char *text)
{
    const char *slash = strrchr(text, '/');
    bool is_number = slash && slash[1] && strspn(slash + 1, "0123456789") == strlen(slash + 1);
    return access(text, F_OK) != 0 &&
           (is_number || strchr(text, '@') || strncmp(text, "models:/", 8) == 0 ||
            (slash && strcmp(slash, "/latest") == 0));
}

static mw_status check_out(mw_registry *registry, const mw_lineage *lineage, mw_arena *arena,
                           const char **ret_folder, mw_error *err)
{
    mw_buf address;
    mw_buf_init(&address, 4 * MW_KIB);
    mw_buf_format(&address, "models:/%.*s/%lld", MW_VIEW_ARG(lineage->version.name),
                  (long long)lineage->version.version);
    mw_status status =
        mw_registry_check_out(registry, mw_buf_as_view(&address), arena, ret_folder, err);
    mw_buf_done(&address);
    return status;
}

/* A version whose files cannot be read as a model (a pickle) is still compared by its record. */
static mw_status open_version(cli_call *call, mw_registry *registry, diff_side *side,
                              mw_lineage *lineage, mw_forest **ret_forest, mw_error *err)
{
    mw_error why = {0};
    const char *folder;
    lookup l = {mw_view_of(side->text), lineage};
    MW_TRY(mw_registry_read(registry, &call->arena, find, &l, err));
    side->lineage = lineage;
    mw_status status = check_out(registry, lineage, &call->arena, &folder, &why);
    if (status == MW_OK)
        status = mw_forest_load(folder, ret_forest, &why);
    side->forest = status == MW_OK ? *ret_forest : NULL;
    if (status != MW_OK)
        snprintf(side->unread, sizeof side->unread, "%s", why.what);
    return status == MW_NO_MEMORY ? mw_fail_memory(err, "a model") : MW_OK;
}

static mw_status open_side(cli_call *call, mw_registry *registry, diff_side *side,
                           mw_lineage *lineage, mw_forest **ret_forest, mw_error *err)
{
    if (is_version(side->text))
        return open_version(call, registry, side, lineage, ret_forest, err);
    MW_TRY(mw_forest_load(side->text, ret_forest, err));
    side->forest = *ret_forest;
    return MW_OK;
}

static mw_status compare(cli_call *call, const diff_side sides[2], mw_error *err)
{
    diff d = {.arena = &call->arena};
    mw_buf out;
    if (sides[0].lineage && sides[1].lineage)
        diff_records(&d, sides[0].lineage, sides[1].lineage);
    if (sides[0].forest && sides[1].forest)
        MW_TRY(diff_forests(&d, sides[0].forest, sides[1].forest, err));
    for (int i = 0; i < 2; i++)
        if (!sides[i].forest)
            cli_note(call, "the files of %s were not read as a model: %s", sides[i].text,
                     sides[i].unread);
    if (d.no_memory)
        return mw_fail_memory(err, "the differences");
    mw_buf_init(&out, TEXT_BYTES_MAX);
    (call->settings[CLI_REASON_FORMAT].number ? write_json : write_text)(&d, sides, &out);
    mw_status status = cli_put(call, &out, err);
    mw_buf_done(&out);
    call->exit_code = d.n_lines > 0 ? CLI_EXIT_NO : CLI_EXIT_OK;
    return status;
}

mw_status cli_run_model_diff(cli_call *call, mw_error *err)
{
    mw_registry *registry = NULL;
    mw_lineage lineages[2];
    mw_forest *forests[2] = {NULL, NULL};
    diff_side sides[2] = {{.text = call->arguments[0]}, {.text = call->arguments[1]}};
    if (is_version(sides[0].text) || is_version(sides[1].text))
        MW_TRY(cli_look(call, &registry, err));
    mw_status status = MW_OK;
    for (int i = 0; i < 2 && status == MW_OK; i++)
        status = open_side(call, registry, &sides[i], &lineages[i], &forests[i], err);
    if (status == MW_OK)
        status = compare(call, sides, err);
    mw_forest_free(forests[0]);
    mw_forest_free(forests[1]);
    mw_registry_close(registry);
    return status;
}
