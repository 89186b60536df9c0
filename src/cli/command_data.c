/* data add, list, get, diff, gc: versions of data in the record. */
#include <stdlib.h>
#include <unistd.h>

#include "data_diff.h"
#include "data_files.h"
#include "look.h"
#include "members.h"
#include "record_door.h"

enum { NAME_COLUMN = 28, PATH_BYTES = 4096 };
#define TEXT_BYTES_MAX (64 * MW_MIB)
#define LIST_BYTES_MAX (256 * MW_MIB)

/* ---- add ------------------------------------------------------------------------------------- */

/* "folder/of/data.csv.dvc", "data.csv" -> "folder/of/data.csv" */
static mw_status path_beside(mw_arena *arena, const char *file, mw_view path, const char **ret_path,
                             mw_error *err)
{
    const char *slash = strrchr(file, '/');
    char text[PATH_BYTES];
    int size = snprintf(text, sizeof text, "%.*s%.*s", slash ? (int)(slash + 1 - file) : 0, file,
                        MW_VIEW_ARG(path));
    *ret_path = size > 0 && (size_t)size < sizeof text
                    ? mw_arena_text(arena, (mw_view){text, (size_t)size})
                    : NULL;
    return *ret_path ? MW_OK : mw_fail_memory(err, "a path");
}

typedef struct addition {
    mw_new_data wanted;
    char list_digest[MW_DIGEST_TEXT_BYTES];
    int64_t list_bytes;
    char root[MW_MD5_TEXT_BYTES + 4];
    mw_data_version version;
    bool is_new;
} addition;

static mw_status add_rows(mw_record *record, void *given, mw_error *err)
{
    addition *a = given;
    return mw_record_add_data(record, &a->wanted, mw_view_of(a->list_digest), a->list_bytes,
                              &a->version, &a->is_new, err);
}

/* The list of a folder becomes a blob; and what the whole is called by DVC. */
static mw_status name_root(mw_blobs *blobs, addition *a, mw_error *err)
{
    mw_buf list;
    if (!a->wanted.is_folder) {
        snprintf(a->root, sizeof a->root, "%.*s", MW_VIEW_ARG(a->wanted.files.items[0].md5));
        return MW_OK;
    }
    mw_buf_init(&list, LIST_BYTES_MAX);
    mw_data_write_list(&a->wanted.files, &list);
    mw_status status = list.failed
                           ? mw_fail_memory(err, "a folder's list")
                           : mw_blobs_put(blobs, mw_buf_as_view(&list), a->list_digest, err);
    a->list_bytes = (int64_t)list.size;
    mw_md5_of(mw_buf_as_view(&list), a->root);
    memcpy(a->root + MW_MD5_TEXT_BYTES - 1, ".dir", 5);
    mw_buf_done(&list);
    return status;
}

static void tell_added(const addition *a, mw_buf *out)
{
    const mw_data_version *v = &a->version;
    mw_buf_format(out, "%.*s@%lld%s  %.*s, %lld file%s, %lld bytes\n", MW_VIEW_ARG(v->name),
                  (long long)v->version, a->is_new ? "" : " (unchanged)", MW_VIEW_ARG(v->root),
                  (long long)v->n_files, v->n_files == 1 ? "" : "s", (long long)v->bytes);
}

static const char *base_name(mw_arena *arena, const char *path)
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        size--;
    const char *slash = memrchr(path, '/', size);
    size_t begin = slash ? (size_t)(slash + 1 - path) : 0;
    return mw_arena_text(arena, (mw_view){path + begin, size - begin});
}

static mw_status keep(cli_call *call, const cli_record_door *door, addition *a, const char *source,
                      mw_buf *out, mw_error *err)
{
    const char *name = call->settings[CLI_NAME].text;
    if (!name && !(name = base_name(&call->arena, source)))
        return mw_fail_memory(err, "a name");
    a->wanted.name = mw_view_of(name);
    a->wanted.source = mw_view_of(source);
    a->wanted.user = door->actor.name;
    MW_TRY(mw_registry_write_as(door->registry, &door->actor, &call->arena, add_rows, a, err));
    tell_added(a, out);
    return MW_OK;
}

static mw_status add_path(cli_call *call, const cli_record_door *door, const char *path,
                          const cli_dvc_out *expected, mw_buf *out, mw_error *err)
{
    addition a = {.list_bytes = 0};
    mw_blobs *blobs = mw_registry_blobs(door->registry);
    MW_TRY(cli_data_gather(blobs, path, &call->arena, &a.wanted.files, &a.wanted.is_folder, err));
    MW_TRY(name_root(blobs, &a, err));
    if (expected && !mw_view_is(expected->object, a.root)) {
        mw_fail(err, MW_E_DATA_OBJECT, "it has changed since 'dvc add': %s, not %.*s", a.root,
                MW_VIEW_ARG(expected->object));
        mw_mend(err, "dvc add it again, or dvc checkout");
        return mw_at(err, "%s", path);
    }
    return keep(call, door, &a, path, out, err);
}

/* Beside the file; else from what was pushed, to this record or to DVC's own remote. */
static mw_status add_out(cli_call *call, const cli_record_door *door, const char *file,
                         const cli_dvc_out *dvc_out, mw_buf *out, mw_error *err)
{
    const char *path;
    addition a = {.list_bytes = 0};
    MW_TRY(path_beside(&call->arena, file, dvc_out->path, &path, err));
    if (access(path, F_OK) == 0)
        return add_path(call, door, path, dvc_out, out, err);
    cli_dvc_origin origin = {.registry = door->registry, .arena = &call->arena, .file = file};
    mw_status status =
        cli_dvc_files(&origin, dvc_out, true, &a.wanted.files, &a.wanted.is_folder, err);
    mw_bucket_close(origin.bucket);
    MW_TRY(status);
    MW_TRY(name_root(mw_registry_blobs(door->registry), &a, err));
    return keep(call, door, &a, path, out, err);
}

static mw_status add_dvc(cli_call *call, const cli_record_door *door, const char *file, mw_buf *out,
                         mw_error *err)
{
    cli_dvc_out *outs;
    size_t n;
    MW_TRY(cli_dvc_read(file, &call->arena, &outs, &n, err));
    for (size_t i = 0; i < n; i++)
        MW_TRY(add_out(call, door, file, &outs[i], out, err));
    return MW_OK;
}

static mw_status add_all(cli_call *call, const cli_record_door *door, mw_buf *out, mw_error *err)
{
    mw_status status = MW_OK;
    for (size_t i = 0; i < call->n_arguments && status == MW_OK; i++) {
        const char *path = call->arguments[i];
        status = cli_is_dvc_file(path) ? add_dvc(call, door, path, out, err)
                                       : add_path(call, door, path, NULL, out, err);
    }
    return status;
}

mw_status cli_run_data_add(cli_call *call, mw_error *err)
{
    cli_record_door door;
    mw_buf out;
    mw_error later;
    if (call->settings[CLI_NAME].text && call->n_arguments > 1) {
        mw_fail(err, MW_E_DATA_NAME, "one name for %zu data sets", call->n_arguments);
        return mw_mend(err, "add them one by one; without --name each has its file's name");
    }
    mw_buf_init(&out, TEXT_BYTES_MAX);
    mw_status status = cli_door_open(call, true, &door, err);
    if (status == MW_OK)
        status = add_all(call, &door, &out, err);
    cli_door_close(&door);
    mw_status told = out.size > 0 ? cli_put(call, &out, &later) : MW_OK; /* what was added stays */
    mw_buf_done(&out);
    if (status == MW_OK && told != MW_OK)
        *err = later;
    return status == MW_OK ? told : status;
}

/* ---- list ------------------------------------------------------------------------------------ */

static mw_status list_all(mw_record *record, void *given, mw_error *err)
{
    return mw_record_list_data(record, given, err);
}

static void list_text(const mw_data_versions *list, mw_buf *out)
{
    for (size_t i = 0; i < list->count; i++) {
        const mw_data_version *v = &list->items[i];
        size_t start = out->size;
        mw_buf_format(out, "%.*s@%lld", MW_VIEW_ARG(v->name), (long long)v->version);
        cli_pad(out, start, NAME_COLUMN);
        mw_buf_char(out, ' ');
        mw_clock_write_utc(out, v->created);
        mw_buf_format(out, "  %.*s  %lld file%s, %lld bytes\n", MW_VIEW_ARG(v->root),
                      (long long)v->n_files, v->n_files == 1 ? "" : "s", (long long)v->bytes);
    }
}

static void list_json(const mw_data_versions *list, mw_buf *out)
{
    mw_buf_text(out, "{\"versions\":[");
    for (size_t i = 0; i < list->count; i++) {
        const mw_data_version *v = &list->items[i];
        cli_member_comma(out);
        mw_buf_char(out, '{');
        cli_member_text(out, "name", v->name);
        cli_member_int(out, "version", v->version);
        cli_member_text(out, "md5", v->root);
        cli_member_text(out, "sha256", v->digest);
        cli_member_int(out, "files", v->n_files);
        cli_member_int(out, "bytes", v->bytes);
        cli_member_bool(out, "folder", v->is_folder);
        cli_member_time(out, "added", v->created);
        cli_member_text(out, "source", v->source);
        cli_member_text(out, "user", v->user);
        mw_buf_char(out, '}');
    }
    mw_buf_text(out, "]}\n");
}

mw_status cli_run_data_list(cli_call *call, mw_error *err)
{
    mw_registry *registry;
    mw_data_versions list;
    mw_buf out;
    MW_TRY(cli_look(call, &registry, err));
    mw_status status = mw_registry_read(registry, &call->arena, list_all, &list, err);
    mw_registry_close(registry);
    MW_TRY(status);
    mw_buf_init(&out, TEXT_BYTES_MAX);
    (call->settings[CLI_REASON_FORMAT].number ? list_json : list_text)(&list, &out);
    status = cli_put(call, &out, err);
    mw_buf_done(&out);
    return status;
}

/* ---- get ------------------------------------------------------------------------------------- */

typedef struct wish {
    mw_view address;
    mw_data_version version;
    mw_data_files files;
} wish;

static mw_status find_data(mw_record *record, void *given, mw_error *err)
{
    wish *w = given;
    MW_TRY(mw_record_data(record, w->address, &w->version, err));
    return mw_record_data_files(record, &w->version, &w->files, err);
}

static mw_status write_out(cli_call *call, mw_registry *registry, const mw_data_files *files,
                           bool is_folder, const char *path, mw_error *err)
{
    bool was_there;
    MW_TRY(cli_data_write(mw_registry_blobs(registry), files, is_folder, path, &was_there, err));
    cli_note(call, "%s: %s", path, was_there ? "there already" : "written");
    return MW_OK;
}

static mw_status get_dvc(cli_call *call, mw_registry *registry, const char *file, mw_error *err)
{
    cli_dvc_out *outs;
    size_t n;
    const char *output = call->settings[CLI_OUTPUT].text;
    MW_TRY(cli_dvc_read(file, &call->arena, &outs, &n, err));
    if (output && n > 1) {
        mw_fail(err, MW_E_DATA_PATH, "one --output for %zu outputs", n);
        return mw_mend(err, "leave it out: each is written beside the .dvc file");
    }
    for (size_t i = 0; i < n; i++) {
        const char *path = output;
        mw_data_files files;
        bool is_folder;
        if (!path)
            MW_TRY(path_beside(&call->arena, file, outs[i].path, &path, err));
        cli_dvc_origin origin = {.registry = registry, .arena = &call->arena, .file = file};
        MW_TRY(cli_dvc_files(&origin, &outs[i], false, &files, &is_folder, err));
        MW_TRY(write_out(call, registry, &files, is_folder, path, err));
    }
    return MW_OK;
}

static mw_status get_version(cli_call *call, mw_registry *registry, const char *address,
                             mw_error *err)
{
    wish w = {.address = mw_view_of(address)};
    const char *path = call->settings[CLI_OUTPUT].text;
    MW_TRY(mw_registry_read(registry, &call->arena, find_data, &w, err));
    if (!path)
        path = w.version.is_folder ? w.version.name.data : w.files.items[0].path.data;
    return write_out(call, registry, &w.files, w.version.is_folder, path, err);
}

mw_status cli_run_data_get(cli_call *call, mw_error *err)
{
    mw_registry *registry;
    const char *address = call->arguments[0];
    MW_TRY(cli_look(call, &registry, err));
    mw_status status = cli_is_dvc_file(address) ? get_dvc(call, registry, address, err)
                                                : get_version(call, registry, address, err);
    mw_registry_close(registry);
    return status;
}

/* ---- diff ------------------------------------------------------------------------------------ */

typedef struct side {
    const char *text;
    mw_data_files files; /* of a version; of a path one with the path as its name */
    bool is_path;
} side;

static mw_status open_side(cli_call *call, mw_registry **registry, side *s, mw_error *err)
{
    wish w = {.address = mw_view_of(s->text)};
    s->is_path = access(s->text, F_OK) == 0 && !mw_file_is_folder(s->text);
    if (s->is_path) {
        mw_file_digests digests;
        mw_data_file *one = mw_arena_take(&call->arena, sizeof *one);
        MW_TRY(mw_file_hash(s->text, &digests, err));
        char *digest = mw_arena_text(&call->arena, mw_view_of(digests.digest));
        if (!one || !digest)
            return mw_fail_memory(err, "a file");
        *one = (mw_data_file){mw_view_of(s->text), {"", 0}, mw_view_of(digest), digests.bytes};
        s->files = (mw_data_files){one, 1};
        return MW_OK;
    }
    if (!*registry)
        MW_TRY(cli_look(call, registry, err));
    MW_TRY(mw_registry_read(*registry, &call->arena, find_data, &w, err));
    s->files = w.files;
    return MW_OK;
}

static mw_status read_side(mw_registry *registry, const side *s, const mw_data_file *file,
                           mw_arena *arena, mw_file *ret_file, mw_error *err)
{
    const char *path = s->text;
    if (!s->is_path)
        MW_TRY(mw_blobs_path(mw_registry_blobs(registry), file->digest, arena, &path, err));
    return mw_file_read(path, MW_LIMIT_STUDY_BYTES, ret_file, err);
}

static bool is_table(mw_view path)
{
    return path.size > 4 && mw_view_is_nocase((mw_view){path.data + path.size - 4, 4}, ".csv");
}

static void begin_file(data_diff *d, mw_buf *out, mw_view path, const char *change)
{
    d->differs = true;
    if (!d->is_json) {
        mw_buf_format(out, "%.*s: %s\n", MW_VIEW_ARG(path), change);
        return;
    }
    cli_member_comma(out);
    mw_buf_char(out, '{');
    cli_member_text(out, "path", path);
    cli_member_text(out, "change", mw_view_of(change));
}

static void end_file(const data_diff *d, mw_buf *out)
{
    mw_buf_text(out, d->is_json ? "}" : "");
}

static mw_status diff_pair(cli_call *call, mw_registry *registry, data_diff *d, const side s[2],
                           const mw_data_file *const pair[2], mw_buf *out, mw_error *err)
{
    mw_file files[2];
    if (mw_view_equal(pair[0]->digest, pair[1]->digest))
        return MW_OK;
    begin_file(d, out, pair[1]->path, "changed");
    mw_status status = MW_OK;
    if (is_table(pair[0]->path) && is_table(pair[1]->path)) {
        MW_TRY(read_side(registry, &s[0], pair[0], &call->arena, &files[0], err));
        status = read_side(registry, &s[1], pair[1], &call->arena, &files[1], err);
        if (status == MW_OK) {
            status = data_diff_tables(d, (mw_view){files[0].data, files[0].size},
                                      (mw_view){files[1].data, files[1].size}, out, err);
            mw_file_done(&files[1]);
        }
        mw_file_done(&files[0]);
    } else if (d->is_json) {
        cli_member_int(out, "bytes_before", pair[0]->bytes);
        cli_member_int(out, "bytes_after", pair[1]->bytes);
    } else {
        mw_buf_format(out, "  %lld bytes -> %lld bytes\n", (long long)pair[0]->bytes,
                      (long long)pair[1]->bytes);
    }
    end_file(d, out);
    return status;
}

/* Both lists are sorted by path. Two single files are a pair whatever they are called. */
static mw_status diff_files(cli_call *call, mw_registry *registry, data_diff *d, const side s[2],
                            mw_buf *out, mw_error *err)
{
    const mw_data_files *a = &s[0].files, *b = &s[1].files;
    bool are_single = a->count == 1 && b->count == 1;
    for (size_t i = 0, k = 0; i < a->count || k < b->count;) {
        int order = i == a->count   ? 1
                    : k == b->count ? -1
                    : are_single    ? 0
                                    : strcmp(a->items[i].path.data, b->items[k].path.data);
        if (order == 0) {
            const mw_data_file *const pair[2] = {&a->items[i], &b->items[k]};
            MW_TRY(diff_pair(call, registry, d, s, pair, out, err));
        } else {
            begin_file(d, out, order < 0 ? a->items[i].path : b->items[k].path,
                       order < 0 ? "removed" : "added");
            end_file(d, out);
        }
        i += order <= 0;
        k += order >= 0;
    }
    return MW_OK;
}

static mw_status write_diff(cli_call *call, mw_registry *registry, const side s[2], mw_error *err)
{
    mw_buf out;
    data_diff d = {.is_json = call->settings[CLI_REASON_FORMAT].number != 0};
    mw_buf_init(&out, TEXT_BYTES_MAX);
    mw_buf_text(&out, d.is_json ? "{\"files\":[" : "");
    mw_status status = diff_files(call, registry, &d, s, &out, err);
    if (d.is_json) {
        mw_buf_char(&out, ']');
        cli_member_bool(&out, "equal", !d.differs);
        mw_buf_text(&out, "}\n");
    } else if (!d.differs) {
        mw_buf_format(&out, "%s and %s are equal\n", s[0].text, s[1].text);
    }
    if (status == MW_OK)
        status = cli_put(call, &out, err);
    mw_buf_done(&out);
    call->exit_code = d.differs ? CLI_EXIT_NO : CLI_EXIT_OK;
    return status;
}

mw_status cli_run_data_diff(cli_call *call, mw_error *err)
{
    mw_registry *registry = NULL;
    side s[2] = {{.text = call->arguments[0]}, {.text = call->arguments[1]}};
    mw_status status = open_side(call, &registry, &s[0], err);
    if (status == MW_OK)
        status = open_side(call, &registry, &s[1], err);
    if (status == MW_OK)
        status = write_diff(call, registry, s, err);
    mw_registry_close(registry);
    return status;
}

/* ---- gc -------------------------------------------------------------------------------------- */

typedef struct sweep {
    mw_buf *out;
    bool is_dry;
    size_t n;
    int64_t bytes;
} sweep;

static void see_garbage(void *user, const mw_garbage *garbage)
{
    sweep *s = user;
    s->n++;
    s->bytes += garbage->bytes;
    mw_buf_format(s->out, "%.*s  %lld bytes\n", MW_VIEW_ARG(garbage->digest),
                  (long long)garbage->bytes);
}

static mw_status open_alone(const cli_call *call, mw_registry **ret_registry, mw_error *err)
{
    MW_TRY(cli_look(call, ret_registry, err)); /* one that is there */
    mw_registry_close(*ret_registry);
    mw_status status = mw_registry_open(call->settings[CLI_RECORD].text, ret_registry, err);
    if (status == MW_CONFLICT)
        mw_mend(err, "stop it first: an upload that goes on must not be taken for garbage");
    return status;
}

mw_status cli_run_data_gc(cli_call *call, mw_error *err)
{
    mw_registry *registry;
    mw_buf out;
    sweep s = {.out = &out, .is_dry = cli_is_on(call, CLI_DRY_RUN)};
    int64_t before = mw_clock_wall_ms() - 1000 * (int64_t)call->settings[CLI_GRACE].number;
    MW_TRY((s.is_dry ? cli_look : open_alone)(call, &registry, err));
    mw_buf_init(&out, TEXT_BYTES_MAX);
    size_t n_uploads = 0;
    mw_status status = mw_registry_collect(registry, before, s.is_dry, see_garbage, &s, err);
    if (status == MW_OK)
        status = mw_uploads_sweep(mw_registry_blobs(registry), before, s.is_dry, &n_uploads, err);
    mw_registry_close(registry);
    mw_buf_format(&out, "%s %zu file%s, %lld bytes", s.is_dry ? "would remove" : "removed", s.n,
                  s.n == 1 ? "" : "s", (long long)s.bytes);
    if (n_uploads > 0)
        mw_buf_format(&out, ", %zu unfinished upload%s", n_uploads, n_uploads == 1 ? "" : "s");
    mw_buf_char(&out, '\n');
    if (status == MW_OK)
        status = cli_put(call, &out, err);
    mw_buf_done(&out);
    return status;
}

/* ---- drop ------------------------------------------------------------------------------------ */

typedef struct drop {
    mw_view address;
    bool is_dry;
    mw_data_dropped dropped;
} drop;

static mw_status drop_data(mw_record *record, void *given, mw_error *err)
{
    drop *d = given;
    return mw_record_drop_data(record, d->address, d->is_dry, &d->dropped, err);
}

mw_status cli_run_data_drop(cli_call *call, mw_error *err)
{
    mw_buf out;
    cli_record_door door;
    drop d = {.address = mw_view_of(call->arguments[0]), .is_dry = cli_is_on(call, CLI_DRY_RUN)};
    mw_status status = cli_door_open(call, false, &door, err);
    if (status == MW_OK)
        status = (d.is_dry ? cli_door_read : cli_door_write)(&door, drop_data, &d, err);
    mw_buf_init(&out, TEXT_BYTES_MAX);
    if (status == MW_OK) {
        const mw_data_dropped *x = &d.dropped;
        mw_buf_format(&out, "%s\t%.*s\t%lld objects of it alone\t%lld bytes\n",
                      d.is_dry ? "would drop" : "dropped", MW_VIEW_ARG(d.address),
                      (long long)x->n_objects, (long long)x->bytes);
        if (x->n_models > 0)
            cli_note(call, "%lld versions of models say that they were made of it",
                     (long long)x->n_models);
        status = cli_put(call, &out, err);
    }
    mw_buf_done(&out);
    cli_door_close(&door);
    return status;
}
