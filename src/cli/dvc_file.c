/* ".dvc" files: what DVC keeps in git in place of data.
 *
 *     outs:
 *     - md5: d8e8fca2dc0f896fd7cb4cb0031ba249.dir
 *       hash: md5
 *       path: images */
#include "data_files.h"

enum { OUTS_MAX = 10000 };

bool cli_is_dvc_file(const char *path)
{
    size_t size = strlen(path);
    return size > 4 && strcmp(path + size - 4, ".dvc") == 0;
}

static mw_status refuse(const mw_yaml *node, const char *why, mw_error *err)
{
    mw_fail(err, MW_E_DATA_OBJECT, "%s", why);
    mw_mend(err, "make it again with DVC 3 or newer: dvc add PATH");
    return node ? mw_at(err, "%u:%u", node->line, node->column) : MW_BAD_DATA;
}

static mw_view text_of(const mw_yaml *map, const char *key, mw_arena *arena)
{
    const mw_yaml *node = map->kind == MW_YAML_MAP ? mw_yaml_member(map, key) : NULL;
    if (mw_yaml_is_null(node) || node->kind != MW_YAML_SCALAR)
        return (mw_view){NULL, 0};
    char *kept = mw_arena_text(arena, node->text);
    return (mw_view){kept, kept ? node->text.size : 0};
}

static bool leads_out(mw_view path)
{
    mw_view rest = path;
    if (path.size == 0 || path.data[0] == '/' || memchr(path.data, '\0', path.size))
        return true;
    while (rest.size > 0)
        if (mw_view_is(mw_view_cut(&rest, '/'), ".."))
            return true;
    return false;
}

/* DVC 2 hashed texts with other line ends: what has no "hash: md5" may be that. */
static mw_status read_out(const mw_yaml *node, mw_arena *arena, cli_dvc_out *ret_out, mw_error *err)
{
    *ret_out = (cli_dvc_out){text_of(node, "md5", arena), text_of(node, "path", arena),
                             text_of(node, "remote", arena)};
    mw_view path = ret_out->path;
    if (!ret_out->object.data || !mw_data_is_object_name(ret_out->object))
        return refuse(node, "an output without its MD5", err);
    if (!mw_view_is(text_of(node, "hash", arena), "md5"))
        return refuse(node, "an output of DVC 2, whose MD5 is not that of the bytes", err);
    return leads_out(path) ? refuse(node, "an output without a path beside the file", err) : MW_OK;
}

mw_status cli_dvc_parse(mw_view text, mw_arena *arena, cli_dvc_out **ret_outs, size_t *ret_count,
                        mw_error *err)
{
    mw_yaml_document *document;
    MW_TRY(mw_yaml_read(text, "", &document, err));
    const mw_yaml *root = mw_yaml_root(document);
    const mw_yaml *outs = root->kind == MW_YAML_MAP ? mw_yaml_member(root, "outs") : NULL;
    size_t n = 0;
    cli_dvc_out *list = NULL;
    mw_status status =
        outs && outs->kind == MW_YAML_LIST && outs->count > 0 && outs->count <= OUTS_MAX
            ? MW_OK
            : refuse(root, "no list 'outs'", err);
    if (status == MW_OK && !(list = mw_arena_take_zeroed(arena, outs->count, sizeof *list)))
        status = mw_fail_memory(err, "a .dvc file");
    for (const mw_yaml *each = status == MW_OK ? outs->first : NULL; each && status == MW_OK;
         each = each->next)
        status = read_out(each, arena, &list[n++], err);
    mw_yaml_free(document);
    if (status == MW_OK) {
        *ret_outs = list;
        *ret_count = n;
    }
    return status;
}

mw_status cli_dvc_read(const char *path, mw_arena *arena, cli_dvc_out **ret_outs, size_t *ret_count,
                       mw_error *err)
{
    mw_file file;
    MW_TRY(mw_file_read(path, MW_LIMIT_CONFIG_FILE_BYTES, &file, err));
    mw_status status =
        cli_dvc_parse((mw_view){file.data, file.size}, arena, ret_outs, ret_count, err);
    mw_file_done(&file);
    return status == MW_OK ? MW_OK : mw_at(err, "%s", path);
}
