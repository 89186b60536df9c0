/* Gates, their reports, and the text of a card. */
#include "card_record.h"

#include "record_door.h"

#define TEXT_TAG "card.text"
#define REPORT_BYTES (64 * MW_MIB)

enum { TEXT_BYTES_MAX = 90000, VERSIONS_BACK = 100 };

/* ---- looking --------------------------------------------------------------------------------- */

static mw_view text_of(const mw_model_version *version)
{
    return mw_tags_get(&version->tags, TEXT_TAG);
}

/* That of the version, else of the newest one before it. */
static mw_status find_text(mw_record *record, const mw_model_version *version, cli_card_record *ret,
                           mw_error *err)
{
    int64_t last = version->version > VERSIONS_BACK ? version->version - VERSIONS_BACK : 1;
    ret->text = text_of(version);
    ret->text_version = version->version;
    for (int64_t v = version->version - 1; !ret->text.data && v >= last; v--) {
        char number[24];
        mw_model_version before;
        snprintf(number, sizeof number, "%lld", (long long)v);
        mw_status status =
            mw_record_version(record, version->name, mw_view_of(number), &before, err);
        if (status == MW_NOT_FOUND) /* it was deleted */
            continue;
        MW_TRY(status);
        ret->text = text_of(&before);
        ret->text_version = v;
    }
    return MW_OK;
}

mw_status cli_card_look(mw_record *record, const mw_model_version *version, mw_view address,
                        cli_card_record *ret, mw_error *err)
{
    *ret = (cli_card_record){.text_version = 0};
    MW_TRY(mw_record_gates(record, address, &ret->standing, err));
    return find_text(record, version, ret, err);
}

/* ---- reports --------------------------------------------------------------------------------- */

static mw_status take_piece(void *user, mw_view bytes, mw_error *err)
{
    mw_buf *out = user;
    mw_buf_view(out, bytes);
    return out->failed ? mw_fail_memory(err, "a report") : MW_OK;
}

mw_status cli_card_report(mw_registry *registry, mw_view digest, mw_json **ret_report,
                          mw_error *err)
{
    mw_buf text;
    mw_buf_init(&text, REPORT_BYTES);
    mw_status status = mw_blobs_send(mw_registry_blobs(registry), digest, take_piece, &text, err);
    if (status == MW_OK)
        status = mw_json_read(mw_buf_as_view(&text), ret_report, err);
    mw_buf_done(&text);
    return status;
}

/* ---- the text -------------------------------------------------------------------------------- */

typedef struct keeping {
    mw_view address;
    mw_tag tag;
} keeping;

static mw_status keep(mw_record *record, void *given, mw_error *err)
{
    char number[24];
    keeping *k = given;
    mw_model_version version;
    MW_TRY(mw_record_version_at(record, k->address, &version, err));
    snprintf(number, sizeof number, "%lld", (long long)version.version);
    return mw_record_tag_version(record, version.name, mw_view_of(number), &k->tag, err);
}

static mw_status check_text(mw_view text, const char *path, mw_error *err)
{
    const char *what = mw_view_trim(text).size == 0      ? "the text is empty"
                       : text.size > TEXT_BYTES_MAX      ? "the text is longer than 90,000 bytes"
                       : memchr(text.data, 0, text.size) ? "the text holds a zero byte"
                                                         : NULL;
    if (!what)
        return MW_OK;
    mw_fail(err, MW_E_VALIDATE_VALUES, "%s", what);
    mw_at(err, "%s", path);
    return mw_mend(err, "write some pages of Markdown, and keep larger documents as data or "
                        "artifacts");
}

mw_status cli_card_keep_text(const cli_call *call, mw_error *err)
{
    mw_file file;
    cli_record_door door;
    const char *path = call->settings[CLI_CARD_TEXT].text;
    MW_TRY(mw_file_read(path, MW_MIB, &file, err));
    keeping k = {.address = mw_view_of(call->arguments[0]),
                 .tag = {MW_VIEW(TEXT_TAG), {file.data, file.size}}};
    mw_status status = check_text(k.tag.value, path, err);
    if (status == MW_OK) {
        status = cli_door_open(call, false, &door, err);
        if (status == MW_OK)
            status = cli_door_write(&door, keep, &k, err);
        cli_door_close(&door);
    }
    mw_file_done(&file);
    if (status == MW_OK)
        cli_note(call,
                 "%s has this text from now on; later versions show it until they have their "
                 "own",
                 call->arguments[0]);
    return status;
}
