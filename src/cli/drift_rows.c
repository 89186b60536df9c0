/* The two files of a drift check: read, unpacked where they are gzip, matched column by column. */
#include "drift.h"

#include "source.h"

#include <math.h>
#include <stdlib.h>
#include <zlib.h>

enum { GZIP_WINDOW = 15 + 16 };

/* ---- bytes ----------------------------------------------------------------------------------- */

static mw_status fail_large(mw_error *err)
{
    mw_fail(err, MW_E_STUDY_ROWS, "the file takes more than %zu MiB of memory",
            MW_LIMIT_STUDY_BYTES / MW_MIB);
    return mw_mend(err, "take a sample of the rows; a hundred thousand tell as much");
}

static mw_status append(mw_buf *out, mw_view text, mw_error *err)
{
    if (out->size + text.size > MW_LIMIT_STUDY_BYTES)
        return fail_large(err);
    mw_buf_view(out, text);
    return out->failed ? mw_fail_memory(err, "the file") : MW_OK;
}

static mw_status read_source(cli_source *source, mw_buf *out, mw_error *err)
{
    while (!source->ended) {
        MW_TRY(cli_source_fill(source, err));
        mw_view text = cli_source_text(source);
        MW_TRY(append(out, text, err));
        cli_source_consume(source, text.size);
    }
    return MW_OK;
}

static mw_status read_bytes(const char *path, mw_buf *out, mw_error *err)
{
    cli_source source;
    MW_TRY(cli_source_open(&source, path, err));
    mw_status status = read_source(&source, out, err);
    cli_source_close(&source);
    return status;
}

static mw_status fail_gzip(mw_error *err)
{
    mw_fail(err, MW_E_INPUT_FORMAT, "the gzip file is damaged or cut short");
    return mw_mend(err, "fetch or pack it again; 'gzip -t FILE' checks it");
}

static mw_status inflate_all(z_stream *stream, mw_buf *out, mw_error *err)
{
    char block[64 * 1024];
    for (int code = Z_OK;;) {
        stream->next_out = (Bytef *)block;
        stream->avail_out = sizeof block;
        code = inflate(stream, Z_NO_FLUSH);
        if (code != Z_OK && code != Z_STREAM_END)
            return fail_gzip(err);
        MW_TRY(append(out, (mw_view){block, sizeof block - stream->avail_out}, err));
        if (code == Z_STREAM_END && stream->avail_in == 0)
            return MW_OK;
        if (code == Z_STREAM_END && inflateReset(stream) != Z_OK) /* another member follows */
            return fail_gzip(err);
    }
}

static mw_status unpack(mw_buf *bytes, mw_error *err)
{
    mw_buf plain;
    if (bytes->size < 2 || memcmp(bytes->data, "\x1f\x8b", 2) != 0)
        return MW_OK;
    z_stream stream = {.next_in = (Bytef *)bytes->data, .avail_in = (uInt)bytes->size};
    if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
        return mw_fail_memory(err, "the unpacked file");
    mw_buf_init(&plain, MW_LIMIT_STUDY_BYTES + 1);
    mw_status status = inflate_all(&stream, &plain, err);
    inflateEnd(&stream);
    mw_buf_done(bytes);
    *bytes = plain;
    return status;
}

static mw_status read_file(cli_drift_file *file, mw_error *err)
{
    mw_buf bytes;
    mw_buf_init(&bytes, MW_LIMIT_STUDY_BYTES + 1);
    mw_status status = read_bytes(file->path, &bytes, err);
    if (status == MW_OK)
        status = unpack(&bytes, err);
    file->bytes = bytes.data; /* "" when nothing was read: not to be freed */
    file->size = bytes.size;
    if (bytes.capacity == 0)
        file->bytes = NULL;
    if (status == MW_OK) {
        file->is_read = true;
        status = mw_frame_read((mw_view){bytes.data, bytes.size}, &file->frame, err);
    }
    return status == MW_OK ? MW_OK : mw_at(err, "%s", file->path);
}

/* ---- columns --------------------------------------------------------------------------------- */

static bool list_has(mw_view list, mw_view name)
{
    while (list.size > 0)
        if (mw_view_equal(mw_view_trim(mw_view_cut(&list, ',')), name))
            return true;
    return false;
}

bool cli_drift_is_listed(const cli_drift *job, cli_option_id list, mw_view name)
{
    return list_has(mw_view_of(job->call->settings[list].text), name);
}

static bool is_wanted(const cli_drift *job, mw_view name)
{
    return !job->call->settings[CLI_COLUMNS].text || cli_drift_is_listed(job, CLI_COLUMNS, name);
}

/* A column that neither file has is a slip. */
static mw_status check_list(const cli_drift *job, cli_option_id id, mw_error *err)
{
    mw_view list = mw_view_of(job->call->settings[id].text);
    while (list.size > 0) {
        mw_view name = mw_view_trim(mw_view_cut(&list, ','));
        if (name.size == 0 || mw_frame_find(&job->reference.frame, name) >= 0 ||
            mw_frame_find(&job->current.frame, name) >= 0)
            continue;
        mw_fail(err, MW_E_DRIFT_NO_COLUMN, "neither file has a column '%.*s'", MW_VIEW_ARG(name));
        mw_at(err, "--%s", cli_options[id].name);
        cli_nearest nearest = cli_nearest_to(name);
        for (size_t c = 0; c < job->reference.frame.n_columns; c++)
            cli_nearest_offer(&nearest, job->reference.frame.columns[c].name.data);
        return nearest.name ? mw_mend(err, "did you mean '%s'?", nearest.name)
                            : mw_mend(err, "the header lines tell which columns there are");
    }
    return MW_OK;
}

static bool has_values(const mw_frame *frame, ptrdiff_t c)
{
    for (size_t row = 0; row < frame->n_rows; row++)
        if (!isnan(frame->columns[c].values[row]))
            return true;
    return false;
}

static void match(cli_drift *job, cli_drift_feature *feature)
{
    const mw_frame *reference = &job->reference.frame, *current = &job->current.frame;
    feature->in_current = mw_frame_find(current, feature->name);
    mw_words_init(&feature->words);
    if (feature->in_current < 0) {
        feature->state = CLI_DRIFT_REMOVED;
        return;
    }
    bool text_before = reference->columns[feature->in_reference].is_text;
    bool text_now = current->columns[feature->in_current].is_text;
    feature->by_code = text_before || text_now;
    if (text_now && !text_before && has_values(reference, feature->in_reference) &&
        !cli_drift_is_listed(job, CLI_CATEGORICAL, feature->name))
        feature->state = CLI_DRIFT_RETYPED;
}

static mw_status match_all(cli_drift *job, mw_error *err)
{
    const mw_frame *reference = &job->reference.frame, *current = &job->current.frame;
    job->features = calloc(reference->n_columns, sizeof *job->features);
    job->added = mw_arena_take_zeroed(&job->memory, current->n_columns, sizeof *job->added);
    if (!job->features || !job->added)
        return mw_fail_memory(err, "the features");
    for (size_t c = 0; c < reference->n_columns; c++) {
        if (!is_wanted(job, reference->columns[c].name))
            continue;
        cli_drift_feature *feature = &job->features[job->n_features++];
        feature->name = reference->columns[c].name;
        feature->in_reference = (ptrdiff_t)c;
        match(job, feature);
    }
    for (size_t c = 0; c < current->n_columns; c++)
        if (is_wanted(job, current->columns[c].name) &&
            mw_frame_find(reference, current->columns[c].name) < 0)
            job->added[job->n_added++] = current->columns[c].name;
    if (job->n_features > 0)
        return MW_OK;
    mw_fail(err, MW_E_DRIFT_NO_COLUMN, "the reference has none of the columns that are wanted");
    return mw_mend(err, "the header lines tell which columns there are");
}

static mw_status code_file(cli_drift *job, bool is_reference, mw_error *err)
{
    cli_drift_file *file = is_reference ? &job->reference : &job->current;
    mw_words **words = calloc(file->frame.n_columns, sizeof *words);
    if (!words)
        return mw_fail_memory(err, "the categories");
    bool any = false;
    for (size_t f = 0; f < job->n_features; f++) {
        cli_drift_feature *feature = &job->features[f];
        if (!feature->by_code || feature->state != CLI_DRIFT_COMPARED)
            continue;
        words[is_reference ? feature->in_reference : feature->in_current] = &feature->words;
        any = true;
    }
    mw_status status = any ? mw_frame_code(&file->frame, words, err) : MW_OK;
    free(words);
    return status == MW_OK ? MW_OK : mw_at(err, "%s", file->path);
}

mw_status cli_drift_read(cli_drift *job, mw_error *err)
{
    MW_TRY(read_file(&job->reference, err));
    MW_TRY(read_file(&job->current, err));
    MW_TRY(check_list(job, CLI_COLUMNS, err));
    MW_TRY(check_list(job, CLI_CATEGORICAL, err));
    MW_TRY(match_all(job, err));
    MW_TRY(code_file(job, true, err));
    return code_file(job, false, err);
}
