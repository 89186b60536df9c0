/* Files and folders in, files and folders out; see data_files.h. */
#include "data_files.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, DEPTH_MAX = 64, FIRST_FILES = 64 };

/* ---- in -------------------------------------------------------------------------------------- */

typedef struct gathering {
    mw_blobs *blobs;
    mw_arena *arena;
    mw_data_file *files;
    size_t n_files, capacity;
} gathering;

static mw_status refuse_path(const char *path, const char *why, mw_error *err)
{
    mw_fail(err, MW_E_DATA_PATH, "%s", why);
    mw_mend(err, "give files, or folders of files");
    return mw_at(err, "%s", path);
}

static mw_status fail_errno(const char *verb, const char *path, mw_error *err)
{
    int reason = errno;
    mw_fail(err, reason == ENOENT ? MW_E_FILE_NOT_FOUND : MW_E_FILE_READ, "cannot %s: %s", verb,
            strerror(reason));
    mw_mend(err, "check the path and its permissions");
    return mw_at(err, "%s", path);
}

static mw_status add_file(gathering *g, const char *path, const char *relative, mw_error *err)
{
    mw_file_digests digests;
    if (g->n_files == g->capacity) {
        size_t wider = g->capacity ? 2 * g->capacity : FIRST_FILES;
        mw_data_file *files = mw_arena_take(g->arena, wider * sizeof *files);
        if (!files)
            return mw_fail_memory(err, "the files");
        if (g->n_files > 0)
            memcpy(files, g->files, g->n_files * sizeof *files);
        g->files = files;
        g->capacity = wider;
    }
    MW_TRY(mw_blobs_put_file(g->blobs, path, &digests, err));
    char *name = mw_arena_text(g->arena, mw_view_of(relative));
    char *md5 = mw_arena_text(g->arena, mw_view_of(digests.md5));
    char *digest = mw_arena_text(g->arena, mw_view_of(digests.digest));
    if (!name || !md5 || !digest)
        return mw_fail_memory(err, "the files");
    g->files[g->n_files++] =
        (mw_data_file){mw_view_of(name), mw_view_of(md5), mw_view_of(digest), digests.bytes};
    return MW_OK;
}

/* `skip` bytes of the path are the folder that names are relative to. */
static mw_status gather_folder(gathering *g, const char *path, size_t skip, int depth,
                               mw_error *err);

static mw_status gather_entry(gathering *g, const char *path, size_t skip, int depth, mw_error *err)
{
    struct stat about, link;
    if (stat(path, &about) != 0 || lstat(path, &link) != 0)
        return fail_errno("look at it", path, err);
    if (S_ISDIR(about.st_mode) && S_ISLNK(link.st_mode))
        return refuse_path(path, "a link to a folder: it may lead round in a circle", err);
    if (S_ISDIR(about.st_mode))
        return gather_folder(g, path, skip, depth + 1, err);
    if (!S_ISREG(about.st_mode))
        return refuse_path(path, "no file: a socket, a pipe or a device", err);
    return add_file(g, path, path + skip, err);
}

static mw_status gather_folder(gathering *g, const char *path, size_t skip, int depth,
                               mw_error *err)
{
    if (depth > DEPTH_MAX)
        return refuse_path(path, "folders inside folders, more than 64 deep", err);
    DIR *listing = opendir(path);
    if (!listing)
        return fail_errno("list the folder", path, err);
    mw_status status = MW_OK;
    for (struct dirent *entry; status == MW_OK && (entry = readdir(listing));) {
        char inner[PATH_BYTES];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        int size = snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        status = size > 0 && (size_t)size < sizeof inner
                     ? gather_entry(g, inner, skip, depth, err)
                     : refuse_path(path, "a path of more than 4,095 bytes", err);
    }
    closedir(listing);
    return status;
}

static int compare_files(const void *x, const void *y)
{
    const mw_data_file *a = x, *b = y;
    return strcmp(a->path.data, b->path.data);
}

/* "a/b/" -> "a/b" */
static void without_slashes(const char *path, char out[PATH_BYTES])
{
    snprintf(out, PATH_BYTES, "%s", path);
    for (size_t n = strlen(out); n > 1 && out[n - 1] == '/'; n--)
        out[n - 1] = '\0';
}

mw_status cli_data_gather(mw_blobs *blobs, const char *path, mw_arena *arena,
                          mw_data_files *ret_files, bool *ret_is_folder, mw_error *err)
{
    gathering g = {.blobs = blobs, .arena = arena};
    struct stat about;
    char clean[PATH_BYTES];
    if (strlen(path) >= sizeof clean)
        return refuse_path("PATH", "a path of more than 4,095 bytes", err);
    without_slashes(path, clean);
    if (stat(clean, &about) != 0)
        return fail_errno("look at it", path, err);
    const char *slash = strrchr(clean, '/');
    *ret_is_folder = S_ISDIR(about.st_mode);
    if (*ret_is_folder)
        MW_TRY(gather_folder(&g, clean, strlen(clean) + 1, 0, err));
    else if (S_ISREG(about.st_mode))
        MW_TRY(add_file(&g, clean, slash ? slash + 1 : clean, err));
    else
        return refuse_path(path, "no file: a socket, a pipe or a device", err);
    if (g.n_files == 0)
        return refuse_path(path, "a folder without files", err);
    qsort(g.files, g.n_files, sizeof *g.files, compare_files);
    *ret_files = (mw_data_files){g.files, g.n_files};
    return MW_OK;
}

/* ---- out ------------------------------------------------------------------------------------- */

static mw_status make_above(char *path, size_t fixed, mw_error *err)
{
    for (char *slash = path + fixed; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        bool made = mkdir(path, 0777) == 0 || errno == EEXIST;
        *slash = '/';
        if (!made)
            return fail_errno("make a folder", path, err);
    }
    return MW_OK;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about;
    (void)place;
    (void)!(kind == FTW_DP ? rmdir(path) : unlink(path));
    return 0;
}

static mw_status write_folder(const mw_blobs *blobs, const mw_data_files *files, const char *path,
                              mw_error *err)
{
    char half[PATH_BYTES], inner[2 * PATH_BYTES];
    int size = snprintf(half, sizeof half, "%s.part-XXXXXX", path);
    if (size < 0 || (size_t)size >= sizeof half || !mkdtemp(half))
        return fail_errno("make a folder", path, err);
    mw_status status = MW_OK;
    for (size_t i = 0; i < files->count && status == MW_OK; i++) {
        snprintf(inner, sizeof inner, "%s/%.*s", half, MW_VIEW_ARG(files->items[i].path));
        status = make_above(inner, strlen(half) + 1, err);
        if (status == MW_OK)
            status = mw_blobs_get_file(blobs, files->items[i].digest, inner, err);
    }
    if (status == MW_OK && (chmod(half, 0755) != 0 || rename(half, path) != 0))
        status = fail_errno("name the folder", path, err);
    if (status != MW_OK)
        nftw(half, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return status;
}

static mw_status has_same_file(const char *path, mw_view digest, bool *ret_same, mw_error *err)
{
    mw_file_digests digests;
    MW_TRY(mw_file_hash(path, &digests, err));
    *ret_same = mw_view_is(digest, digests.digest);
    return MW_OK;
}

static size_t n_seen;

static int count_file(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)path;
    (void)about;
    (void)place;
    n_seen += kind != FTW_D && kind != FTW_DP;
    return 0;
}

static mw_status has_same_folder(const mw_data_files *files, const char *path, bool *ret_same,
                                 mw_error *err)
{
    n_seen = 0;
    nftw(path, count_file, 16, FTW_PHYS);
    *ret_same = n_seen == files->count;
    for (size_t i = 0; i < files->count && *ret_same; i++) {
        char inner[2 * PATH_BYTES];
        snprintf(inner, sizeof inner, "%s/%.*s", path, MW_VIEW_ARG(files->items[i].path));
        if (access(inner, F_OK) != 0)
            *ret_same = false;
        else
            MW_TRY(has_same_file(inner, files->items[i].digest, ret_same, err));
    }
    return MW_OK;
}

mw_status cli_data_write(const mw_blobs *blobs, const mw_data_files *files, bool is_folder,
                         const char *path, bool *ret_was_there, mw_error *err)
{
    struct stat about;
    char clean[PATH_BYTES];
    if (strlen(path) + 16 >= sizeof clean)
        return refuse_path("PATH", "a path of more than 4,079 bytes", err);
    without_slashes(path, clean);
    *ret_was_there = lstat(clean, &about) == 0;
    if (*ret_was_there) {
        bool is_same = false;
        if (is_folder && S_ISDIR(about.st_mode))
            MW_TRY(has_same_folder(files, clean, &is_same, err));
        else if (!is_folder && S_ISREG(about.st_mode))
            MW_TRY(has_same_file(clean, files->items[0].digest, &is_same, err));
        if (is_same)
            return MW_OK;
        mw_fail(err, MW_E_DATA_PATH, "it is there with other content, and is left as it is");
        mw_mend(err, "remove it, or name another place with --output");
        return mw_at(err, "%s", path);
    }
    return is_folder ? write_folder(blobs, files, clean, err)
                     : mw_blobs_get_file(blobs, files->items[0].digest, clean, err);
}
