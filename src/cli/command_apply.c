/* apply: make a record, and the server that keeps it, so as a file says.
 *
 *     file --config.c, apply/read.c--> checked --.-- --record: apply in this process
 *                                                `-- --server: POST /mw/v1/apply, then its rules
 */
#include <stdlib.h>

#include "apply_changes.h"
#include "config.h"
#include "reach.h"
#include "record_door.h"

enum { TEXT_BYTES_MAX = 64 << 20 };

/* ---- changes --------------------------------------------------------------------------------- */

mw_status cli_changes_add(cli_changes *changes, const mw_difference *change, mw_error *err)
{
    if (changes->count == CLI_APPLY_CHANGES_MAX)
        return mw_fail(err, MW_E_APPLY_DOCUMENT, "more than %d differences", CLI_APPLY_CHANGES_MAX);
    changes->items[changes->count++] = *change;
    return MW_OK;
}

mw_view cli_changes_keep(cli_call *call, mw_view text)
{
    const char *kept = text.data ? mw_arena_text(&call->arena, text) : NULL;
    return kept ? (mw_view){kept, text.size} : (mw_view){NULL, 0};
}

static mw_view keep_member(cli_call *call, const mw_json *change, const char *key)
{
    const mw_json *member = mw_json_member(change, key);
    return mw_json_is_text(member) ? cli_changes_keep(call, mw_json_text(member))
                                   : (mw_view){NULL, 0};
}

/* What mw_apply_tell has written. */
static mw_status read_changes(cli_call *call, mw_view answer, cli_changes *changes, mw_error *err)
{
    mw_json *root;
    mw_status status = MW_OK;
    MW_TRY(mw_json_read(answer, &root, err));
    const mw_json *items = mw_json_member(root, "changes");
    for (size_t i = 0; i < mw_json_count(items) && status == MW_OK; i++) {
        const mw_json *item = mw_json_element(items, i);
        mw_view word = mw_json_text(mw_json_member(item, "action"));
        mw_view kind = keep_member(call, item, "kind");
        mw_difference change = {.kind = kind.data ? kind.data : "",
                                .name = keep_member(call, item, "name"),
                                .field = keep_member(call, item, "field"),
                                .before = keep_member(call, item, "before"),
                                .after = keep_member(call, item, "after")};
        while (change.action < MW_N_DIFFERENCE_ACTIONS - 1 &&
               !mw_view_is(word, mw_difference_action_names[change.action]))
            change.action++;
        status = cli_changes_add(changes, &change, err);
    }
    mw_json_free(root);
    return status;
}

/* ---- for people ------------------------------------------------------------------------------ */

/* Line ends of descriptions would break the lines. */
static void put_plain(mw_buf *out, mw_view text)
{
    for (size_t i = 0; i < text.size; i++)
        mw_buf_char(out, (unsigned char)text.data[i] < ' ' ? ' ' : text.data[i]);
}

static void put_change(const mw_difference *change, mw_buf *out)
{
    static const char *const marks[MW_N_DIFFERENCE_ACTIONS] = {"+", "~", "-", ">", " ", "!"};
    mw_buf_format(out, "%s %s ", marks[change->action], change->kind);
    put_plain(out, change->name);
    mw_buf_text(out, change->field.data ? "  " : "");
    put_plain(out, change->field);
    mw_buf_text(out, change->field.data || change->before.data || change->after.data ? ": " : "");
    if (change->action == MW_DIFFER_SET && !change->before.data)
        mw_buf_text(out, "none");
    if (change->action == MW_DIFFER_SET || change->action == MW_DIFFER_REMOVE)
        put_plain(out, change->before);
    if (change->action == MW_DIFFER_SET)
        mw_buf_format(out, " -> %s", change->after.data ? "" : "none");
    put_plain(out, change->action == MW_DIFFER_REMOVE ? (mw_view){NULL, 0} : change->after);
    mw_buf_char(out, '\n');
}

static void put_all(const cli_changes *changes, size_t n, bool dry_run, mw_buf *out)
{
    for (size_t i = 0; i < changes->count; i++)
        put_change(&changes->items[i], out);
    if (n == 0)
        mw_buf_text(out, "nothing to change\n");
    else
        mw_buf_format(
            out, dry_run ? "%zu to change; a dry run: nothing was changed\n" : "%zu changed\n", n);
}

static mw_status show(cli_call *call, const cli_changes *changes, mw_error *err)
{
    bool dry_run = cli_is_on(call, CLI_DRY_RUN);
    size_t n = 0;
    mw_buf out;
    for (size_t i = 0; i < changes->count; i++) {
        mw_difference_action action = changes->items[i].action;
        n += action < MW_DIFFER_NOTE;
        if (action == MW_DIFFER_REFUSED || (dry_run && action < MW_DIFFER_NOTE))
            call->exit_code = CLI_EXIT_NO;
    }
    mw_buf_init(&out, TEXT_BYTES_MAX);
    if (cli_is_on(call, CLI_JSON)) {
        mw_apply_tell(&(mw_differences){changes->items, changes->count}, !dry_run, &out);
        mw_buf_char(&out, '\n');
    } else {
        put_all(changes, n, dry_run, &out);
    }
    mw_status status = cli_put(call, &out, err);
    mw_buf_done(&out);
    return status;
}

/* ---- through a server ------------------------------------------------------------------------ */

static mw_status fail_refused(int http_status, mw_view body, mw_error *err)
{
    mw_fail(err, MW_E_APPLY_REPLY, "the server answers %d", http_status);
    return cli_tell_refusal(http_status, body,
                            "mend what it names, and apply again: what is so already stays", err);
}

mw_status cli_apply_ask(mw_client *client, const char *method, const char *path, mw_view body,
                        mw_view *ret_body, mw_error *err)
{
    int http_status;
    MW_TRY(mw_client_call(client, method, path, body.data ? "application/json" : NULL, body,
                          &http_status, ret_body, err));
    return http_status == 200 || http_status == 201 ? MW_OK
                                                    : fail_refused(http_status, *ret_body, err);
}

static mw_status through_server(cli_call *call, mw_view text, cli_changes *changes, mw_error *err)
{
    char path[100];
    mw_view body;
    mw_dial *dial = NULL;
    mw_client *client = NULL;
    snprintf(path, sizeof path, "/mw/v1/apply?dry_run=%s&prune=%s",
             cli_is_on(call, CLI_DRY_RUN) ? "true" : "false",
             cli_is_on(call, CLI_PRUNE) ? "true" : "false");
    mw_status status = cli_reach(call, NULL, &dial, err);
    if (status == MW_OK)
        status = mw_client_open_to(dial, CLI_ANSWER_MS, &client, err);
    if (status == MW_OK)
        status = cli_apply_ask(client, "POST", path, text, &body, err);
    if (status == MW_OK)
        status = read_changes(call, body, changes, err);
    if (status == MW_OK)
        status = cli_apply_rules(call, client, changes, err);
    mw_client_close(client);
    mw_dial_free(dial);
    return status;
}

/* ---- in this process ------------------------------------------------------------------------- */

static mw_status into_record(cli_call *call, cli_record_door *door, mw_view text, const char *name,
                             mw_buf *out, mw_error *err)
{
    mw_yaml_document *yaml;
    mw_apply_document document;
    mw_apply_place place;
    mw_differences found;
    mw_apply_options options = {.dry_run = cli_is_on(call, CLI_DRY_RUN),
                                .prune = cli_is_on(call, CLI_PRUNE)};
    MW_TRY(mw_yaml_read(text, name, &yaml, err));
    mw_status status =
        mw_apply_read(mw_yaml_root(yaml), name, &door->arena, &document, &place, err);
    mw_yaml_free(yaml);
    if (status == MW_OK)
        status = mw_apply_run(door->registry, &door->actor, &door->arena, &document, &options,
                              &found, err);
    if (status == MW_OK)
        mw_apply_tell(&found, !options.dry_run, out);
    return status;
}

static mw_status beside_server(cli_call *call, mw_view text, const char *name, cli_changes *changes,
                               mw_error *err)
{
    mw_buf out;
    cli_record_door door;
    mw_buf_init(&out, TEXT_BYTES_MAX);
    mw_status status = cli_door_open(call, false, &door, err);
    if (status == MW_OK)
        status = into_record(call, &door, text, name, &out, err);
    if (status == MW_OK)
        status = read_changes(call, mw_buf_as_view(&out), changes, err);
    cli_door_close(&door);
    mw_buf_done(&out);
    if (status == MW_OK && call->alerts)
        cli_note(call, "alert rules are a server's: they are applied with --server, not --record");
    return status;
}

/* ---- run ------------------------------------------------------------------------------------- */

/* The file is the configuration of a server, too: all of it must be right before anything is done.
 */
static mw_status check(cli_call *call, mw_view text, const char *name, mw_error *err)
{
    cli_place place;
    char folder[4096] = "";
    const char *slash = strrchr(name, '/');
    if (slash && (size_t)(slash - name) < sizeof folder)
        snprintf(folder, sizeof folder, "%.*s", slash == name ? 1 : (int)(slash - name), name);
    mw_status status = cli_config_read(call, text, name, folder, &place, err);
    if (status != MW_OK) {
        mw_buf_reset(&call->excerpt);
        cli_write_excerpt(&call->excerpt, text, place);
    }
    return status;
}

/* Standard input is no file of a known size. */
static mw_status read_pipe(mw_buf *out, mw_error *err)
{
    char some[8192];
    size_t n;
    while ((n = fread(some, 1, sizeof some, stdin)) > 0)
        mw_buf_view(out, (mw_view){some, n});
    if (!out->failed && !ferror(stdin))
        return MW_OK;
    mw_fail(err, MW_E_APPLY_DOCUMENT, "standard input cannot be read, or is larger than %zu bytes",
            (size_t)MW_LIMIT_CONFIG_FILE_BYTES);
    return mw_mend(err, "apply it in parts");
}

static mw_status read_text(const char *path, mw_buf *out, mw_error *err)
{
    mw_file file;
    if (strcmp(path, "-") == 0)
        return read_pipe(out, err);
    MW_TRY(mw_file_read(path, MW_LIMIT_CONFIG_FILE_BYTES, &file, err));
    mw_buf_view(out, (mw_view){file.data, file.size});
    mw_file_done(&file);
    return out->failed ? mw_fail_memory(err, "the document") : MW_OK;
}

static mw_status run(cli_call *call, mw_view text, const char *name, mw_error *err)
{
    bool by_server = call->settings[CLI_SERVER].origin != CLI_FROM_DEFAULT;
    cli_changes changes = {
        mw_arena_take_zeroed(&call->arena, CLI_APPLY_CHANGES_MAX, sizeof *changes.items), 0};
    if (!changes.items)
        return mw_fail_memory(err, "the differences");
    MW_TRY(check(call, text, name, err));
    MW_TRY(!by_server && call->settings[CLI_RECORD].text
               ? beside_server(call, text, name, &changes, err)
               : through_server(call, text, &changes, err));
    return show(call, &changes, err);
}

mw_status cli_run_apply(cli_call *call, mw_error *err)
{
    mw_buf text;
    const char *path = call->settings[CLI_APPLY_FILE].text;
    mw_buf_init(&text, MW_LIMIT_CONFIG_FILE_BYTES);
    mw_status status = read_text(path, &text, err);
    if (status == MW_OK)
        status = run(call, mw_buf_as_view(&text), strcmp(path, "-") == 0 ? "stdin" : path, err);
    mw_buf_done(&text);
    return status;
}
