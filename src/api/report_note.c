/* The small file beside a kept report: written with it, read for lists and receivers. */
#include "report_note.h"

#define NOTE_BYTES (256 * MW_KIB)

static void put_member(mw_buf *out, const char *before, mw_view text)
{
    mw_buf_text(out, before);
    mw_json_write_text(out, text);
}

mw_status report_note_write(const char *path, mw_view kind, mw_view of, mw_view verdict,
                            mw_error *err)
{
    mw_buf out;
    mw_buf_init(&out, NOTE_BYTES);
    put_member(&out, "{\"kind\":", kind);
    put_member(&out, ",\"of\":", of);
    put_member(&out, ",\"verdict\":", verdict);
    mw_buf_text(&out, "}\n");
    mw_status status = out.failed ? mw_fail_memory(err, "what is said of the report")
                                  : mw_file_write(path, mw_buf_as_view(&out), err);
    mw_buf_done(&out);
    return status;
}

static mw_view text_of(const mw_json *json, const char *name)
{
    mw_view text = mw_json_text(mw_json_member(json, name));
    return text.data ? text : MW_VIEW("");
}

bool report_note_read(const char *path, report_note *ret_note)
{
    mw_error err;
    mw_file file;
    mw_json *json = NULL;
    *ret_note = (report_note){MW_VIEW(""), MW_VIEW(""), MW_VIEW(""), NULL};
    if (mw_file_read(path, NOTE_BYTES, &file, &err) != MW_OK)
        return false;
    bool is_read = mw_json_read((mw_view){file.data, file.size}, &json, &err) == MW_OK;
    mw_file_done(&file);
    if (!is_read)
        return false;
    *ret_note =
        (report_note){text_of(json, "kind"), text_of(json, "of"), text_of(json, "verdict"), json};
    if (ret_note->kind.size > 0 && ret_note->of.size > 0)
        return true;
    report_note_done(ret_note);
    return false;
}

void report_note_done(report_note *note)
{
    mw_json_free(note->json);
    *note = (report_note){MW_VIEW(""), MW_VIEW(""), MW_VIEW(""), NULL};
}
