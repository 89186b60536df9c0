/* Versions of data over HTTP, below /mw/v1/data: which there are, their files, and what the columns
 * of a CSV file among them are: a profile (docs/reference/profile.md), not its rows. */
#include <stdlib.h>

#include "mlflow_messages.h"
#include "stats/stats.h"
#include "table/table.h"

enum { FILES_SHOWN = 5000 };
#define PROFILE_BYTES_MAX (128 * MW_MIB)

static void put_version(mw_buf *out, const mw_data_version *v)
{
    mlflow_put_text(out, "name", v->name);
    mlflow_put_int(out, "version", v->version);
    mlflow_put_text(out, "root", v->root);
    mlflow_put_text(out, "digest", v->digest);
    mlflow_put_text(out, "source", v->source);
    mlflow_put_text(out, "user", v->user);
    mlflow_put_int(out, "files", v->n_files);
    mlflow_put_int(out, "bytes", v->bytes);
    mlflow_put_int(out, "created", v->created);
    mlflow_put_name(out, "is_folder");
    mw_buf_text(out, v->is_folder ? "true" : "false");
}

static mw_status list_data(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_data_versions found;
    MW_TRY(mw_record_list_data(record, &found, err));
    mw_buf_text(turn->out, "{\"items\":[");
    for (size_t i = 0; i < found.count; i++) {
        mw_buf_text(turn->out, i ? ",\n{" : "{");
        put_version(turn->out, &found.items[i]);
        mw_buf_char(turn->out, '}');
    }
    mw_buf_format(turn->out, "],\"next_cursor\":null,\"total\":%zu}", found.count);
    return MW_OK;
}

/* ---- a version ------------------------------------------------------------------------------- */

typedef struct found_data {
    mlflow_turn *turn;
    mw_data_version version;
    mw_data_files files;
} found_data;

static mw_status find_data(mw_record *record, void *given, mw_error *err)
{
    mw_buf address;
    found_data *f = given;
    mw_buf_init(&address, 4096);
    mw_buf_format(&address, "%.*s@%.*s", MW_VIEW_ARG(f->turn->captures.values[0]),
                  MW_VIEW_ARG(f->turn->captures.values[1]));
    mw_status status = mw_record_data(record, mw_buf_as_view(&address), &f->version, err);
    mw_buf_done(&address);
    return status == MW_OK ? mw_record_data_files(record, &f->version, &f->files, err) : status;
}

static mw_status show_data(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    found_data f = {.turn = turn};
    MW_TRY(find_data(record, &f, err));
    mw_buf *out = turn->out;
    mw_buf_char(out, '{');
    put_version(out, &f.version);
    mlflow_put_name(out, "items");
    mw_buf_char(out, '[');
    for (size_t i = 0; i < f.files.count && i < FILES_SHOWN; i++) {
        const mw_data_file *file = &f.files.items[i];
        mw_buf_text(out, i ? ",\n{" : "{");
        mlflow_put_text(out, "path", file->path);
        mlflow_put_text(out, "digest", file->digest);
        mlflow_put_int(out, "bytes", file->bytes);
        mw_buf_char(out, '}');
    }
    mw_buf_format(out, "],\"total\":%zu}", f.files.count);
    return MW_OK;
}

/* ---- its profile ----------------------------------------------------------------------------- */

static mw_status add_columns(mw_frame *frame, mw_words *words, mw_words **coded,
                             mw_profile *profile, mw_error *err)
{
    for (size_t c = 0; c < frame->n_columns; c++)
        coded[c] = frame->columns[c].is_text ? &words[c] : NULL;
    MW_TRY(mw_frame_code(frame, coded, err));
    for (size_t c = 0; c < frame->n_columns; c++) {
        const mw_frame_column *column = &frame->columns[c];
        const mw_profile_source source = {.name = column->name,
                                          .values = column->values,
                                          .n = frame->n_rows,
                                          .texts = coded[c] ? words[c].texts : NULL,
                                          .n_texts = coded[c] ? words[c].n_texts : 0};
        MW_TRY(mw_profile_add(profile, &source, err));
    }
    return MW_OK;
}

static mw_status profile_frame(mw_frame *frame, mw_profile *profile, mw_error *err)
{
    mw_words *words = calloc(frame->n_columns + 1, sizeof *words);
    mw_words **coded = calloc(frame->n_columns + 1, sizeof *coded);
    mw_status status = mw_fail_memory(err, "the categories");
    if (words && coded) {
        for (size_t c = 0; c < frame->n_columns; c++)
            mw_words_init(&words[c]);
        status = add_columns(frame, words, coded, profile, err);
        for (size_t c = 0; c < frame->n_columns; c++)
            mw_words_done(&words[c]);
    }
    free(words);
    free(coded);
    return status;
}

static mw_status profile_text(mw_view text, mw_view name, mw_buf *out, mw_error *err)
{
    mw_frame frame;
    mw_profile profile;
    mw_profile_init(&profile);
    mw_status status = mw_frame_read(text, &frame, err);
    if (status == MW_OK)
        status = mw_profile_set_source(&profile, name, err);
    if (status == MW_OK)
        status = profile_frame(&frame, &profile, err);
    if (status == MW_OK)
        mw_profile_write(&profile, out);
    mw_profile_done(&profile);
    mw_frame_done(&frame);
    return status;
}

typedef struct profile_request {
    mw_view path;
} profile_request;

/* clang-format off */
static const mlflow_field profile_fields[] = {
    MLFLOW_TEXT_FIELD(profile_request, "path", path, false),
    {0}};
/* clang-format on */

/* The file that is asked for; where none is named, the only one. */
static mw_status choose_file(const found_data *f, mw_view path, const mw_data_file **ret_file,
                             mw_error *err)
{
    *ret_file = NULL;
    for (size_t i = 0; i < f->files.count; i++)
        if (path.data ? mw_view_equal(f->files.items[i].path, path) : f->files.count == 1)
            *ret_file = &f->files.items[i];
    if (!*ret_file) {
        mw_fail(err, MW_E_DATA_UNKNOWN, "the version has no file '%.*s'",
                (int)(path.size < 80 ? path.size : 80), path.data ? path.data : "");
        return mw_mend(err, "path= names one of its %zu files", f->files.count);
    }
    if ((uint64_t)(*ret_file)->bytes <= PROFILE_BYTES_MAX)
        return MW_OK;
    mw_fail(err, MW_E_RECORD_VALUE, "the file is larger than %zu MiB",
            (size_t)(PROFILE_BYTES_MAX / MW_MIB));
    return mw_mend(err, "mw data profile FILE does it on your machine");
}

static mw_status show_profile(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    mw_buf text;
    const mw_data_file *file;
    found_data f = {.turn = turn};
    const profile_request *asked = turn->request;
    MW_TRY(mw_registry_read(turn->registry, turn->exchange->arena, find_data, &f, err));
    MW_TRY(choose_file(&f, asked->path, &file, err));
    mw_buf_init(&text, PROFILE_BYTES_MAX + 1);
    mw_status status = mw_blobs_read(mw_registry_blobs(turn->registry), file->digest, 0,
                                     (size_t)file->bytes, &text, err);
    if (status == MW_OK)
        status = profile_text(mw_buf_as_view(&text), file->path, turn->out, err);
    mw_buf_done(&text);
    return status == MW_OK ? MW_OK : mw_at(err, "%.*s", MW_VIEW_ARG(file->path));
}

const mlflow_call mlflow_data_calls[] = {
    {MLFLOW_GETS, "/mw/v1/data", MLFLOW_READS, list_data, NULL, 0, "Versions of data"},
    {MLFLOW_GETS, "/mw/v1/data/{name}/{version}", MLFLOW_READS, show_data, NULL, 0,
     "A version of data, and its files"},
    {MLFLOW_GETS, "/mw/v1/data/{name}/{version}/profile", MLFLOW_OUTSIDE, show_profile,
     profile_fields, sizeof(profile_request), "What the columns of a CSV file are"},
};
const size_t mlflow_n_data_calls = MW_COUNT(mlflow_data_calls);
