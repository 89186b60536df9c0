/* A CSV file as a frame: read whole, unpacked where it is gzip. */
#include "frame_file.h"

#include "source.h"

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

mw_status cli_frame_file_load(cli_frame_file *file, mw_error *err)
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
    bool says_where = err && status != MW_OK && err->where[0]; /* a file that cannot be opened */
    return status == MW_OK || says_where ? status : mw_at(err, "%s", file->path);
}

mw_status cli_frame_file_parse(cli_frame_file *file, mw_error *err)
{
    file->is_read = true;
    mw_view text = {file->bytes ? file->bytes : "", file->size};
    mw_status status = mw_frame_read(text, &file->frame, err);
    return status == MW_OK ? MW_OK : mw_at(err, "%s", file->path);
}

mw_status cli_frame_file_read(cli_frame_file *file, mw_error *err)
{
    MW_TRY(cli_frame_file_load(file, err));
    return cli_frame_file_parse(file, err);
}

void cli_frame_file_done(cli_frame_file *file)
{
    if (file->is_read)
        mw_frame_done(&file->frame);
    free(file->bytes);
}

mw_view cli_cut_item(mw_view *list, const char *marks)
{
    bool is_quoted = false;
    size_t size = 0;
    for (; size < list->size; size++) {
        if (list->data[size] == '"')
            is_quoted = !is_quoted;
        else if (!is_quoted && strchr(marks, list->data[size]))
            break;
    }
    mw_view item = {list->data, size};
    size_t gone = size < list->size ? size + 1 : size;
    *list = (mw_view){list->data + gone, list->size - gone};
    return mw_view_trim(item);
}

mw_view cli_item_name(mw_view item)
{
    bool is_quoted = item.size >= 2 && item.data[0] == '"' && item.data[item.size - 1] == '"';
    return is_quoted ? (mw_view){item.data + 1, item.size - 2} : item;
}
