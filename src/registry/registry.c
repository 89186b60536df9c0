/* Opening the record, transactions, and memory for what comes out. */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record.h"

/* ---- life ------------------------------------------------------------------------------------ */

/* mkdir -p. */
static mw_status make_folders(const char *folder, mw_error *err)
{
    char path[4096];
    int size = snprintf(path, sizeof path, "%s/", folder);
    bool made = size > 0 && (size_t)size < sizeof path;
    errno = ENAMETOOLONG;
    for (char *slash = path + 1; made && (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        made = mkdir(path, 0777) == 0 || errno == EEXIST;
        *slash = '/';
    }
    if (made)
        return MW_OK;
    mw_fail(err, MW_E_STORE_OPEN, "cannot make the folder: %s", strerror(errno));
    mw_at(err, "%s", folder);
    return mw_mend(err, "choose another folder, or mend its permissions");
}

bool record_is_empty_folder(const char *path)
{
    DIR *listing = opendir(path);
    bool is_empty = listing != NULL;
    for (struct dirent *entry; is_empty && (entry = readdir(listing));)
        is_empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (listing)
        closedir(listing);
    return is_empty;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about;
    (void)kind;
    (void)place;
    return remove(path);
}

void record_remove_tree(const char *path)
{
    enum { OPEN_FOLDERS = 16 };
    nftw(path, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
}

/* address: NULL, or where its rows are from now on. */
static mw_status open_parts(mw_registry *registry, const char *folder, const char *address,
                            bool beside, mw_error *err)
{
    char path[RECORD_PLACE_BYTES];
    MW_TRY(make_folders(folder, err));
    snprintf(registry->folder, sizeof registry->folder, "%s", folder);
    MW_TRY(address ? record_settle(folder, address, true, err)
                   : record_find_rows(folder, path, err));
    MW_TRY((beside ? mw_store_open_beside : mw_store_open)(address ? address : path, record_steps,
                                                           record_n_steps, &registry->store, err));
    MW_TRY(address ? record_settle(folder, address, false, err) : MW_OK);
    snprintf(path, sizeof path, "%s/blobs", folder);
    return (beside ? mw_blobs_open_beside : mw_blobs_open)(path, &registry->blobs, err);
}

static mw_status open_registry(const char *folder, const char *address, bool beside,
                               mw_registry **ret_registry, mw_error *err)
{
    mw_registry *registry = calloc(1, sizeof *registry);
    if (!registry)
        return mw_fail_memory(err, "the record");
    mw_status status = open_parts(registry, folder, address, beside, err);
    if (status != MW_OK) {
        mw_registry_close(registry);
        return status;
    }
    *ret_registry = registry;
    return MW_OK;
}

mw_status record_fail_none(const char *folder, mw_error *err)
{
    mw_fail(err, MW_E_STORE_NONE, "there is no record");
    mw_at(err, "%s", folder);
    return mw_mend(err, "give the folder that 'mw serve --record DIR' keeps");
}

static mw_status look_at_parts(mw_registry *registry, const char *folder, mw_error *err)
{
    char path[RECORD_PLACE_BYTES];
    snprintf(registry->folder, sizeof registry->folder, "%s", folder);
    MW_TRY(record_find_rows(folder, path, err));
    if (!record_is_there(folder))
        return record_fail_none(folder, err);
    MW_TRY(mw_store_open_to_read(path, record_n_steps, &registry->store, err));
    snprintf(path, sizeof path, "%s/blobs", folder);
    return mw_blobs_look(path, &registry->blobs, err);
}

mw_status mw_registry_look(const char *folder, mw_registry **ret_registry, mw_error *err)
{
    mw_error why;
    mw_registry *registry = calloc(1, sizeof *registry);
    if (!registry)
        return mw_fail_memory(err, "the record");
    mw_status status = look_at_parts(registry, folder, &why);
    if (status == MW_OK) {
        *ret_registry = registry;
        return MW_OK;
    }
    mw_registry_close(registry);
    if (why.code == MW_E_STORE_OLDER)
        return mw_registry_open(folder, ret_registry, err);
    if (err)
        *err = why;
    return status;
}

mw_status mw_registry_open(const char *folder, mw_registry **ret_registry, mw_error *err)
{
    return open_registry(folder, NULL, false, ret_registry, err);
}

mw_status mw_registry_open_in(const char *folder, const char *address, mw_registry **ret_registry,
                              mw_error *err)
{
    return open_registry(folder, address, false, ret_registry, err);
}

mw_status mw_registry_open_beside(const char *folder, bool make, mw_registry **ret_registry,
                                  mw_error *err)
{
    if (!make && !record_is_there(folder))
        return record_fail_none(folder, err);
    return open_registry(folder, NULL, true, ret_registry, err);
}

mw_status mw_registry_place(mw_registry *registry, const char *uri, mw_error *err)
{
    mw_blobs *placed;
    char path[sizeof registry->folder + 16];
    snprintf(path, sizeof path, "%s/blobs", registry->folder);
    MW_TRY(mw_blobs_place(path, uri, err));
    MW_TRY(mw_blobs_open(path, &placed, err));
    mw_blobs_close(registry->blobs);
    registry->blobs = placed;
    return MW_OK;
}

void mw_registry_close(mw_registry *registry)
{
    if (!registry)
        return;
    mw_store_close(registry->store);
    mw_blobs_close(registry->blobs);
    free(registry);
}

void mw_registry_count(mw_registry *registry, mw_store_counts *ret_counts)
{
    mw_store_count(registry->store, ret_counts);
}

bool mw_registry_leads(mw_registry *registry, mw_view name)
{
    return mw_store_leads(registry->store, name);
}

bool mw_registry_is_shared(const mw_registry *registry)
{
    return mw_store_is_shared(registry->store);
}

mw_store *mw_registry_store(mw_registry *registry)
{
    return registry->store;
}

mw_blobs *mw_registry_blobs(mw_registry *registry)
{
    return registry->blobs;
}

/* ---- transactions ---------------------------------------------------------------------------- */

typedef struct errand {
    mw_record record;
    mw_record_work *work;
    void *user;
} errand;

static mw_status run_errand(mw_sql *session, void *given, mw_error *err)
{
    errand *e = given;
    e->record.session = session;
    return e->work(&e->record, e->user, err);
}

mw_status mw_registry_write_as(mw_registry *registry, const mw_actor *actor, mw_arena *arena,
                               mw_record_work *work, void *user, mw_error *err)
{
    errand e = {{registry, NULL, arena, actor}, work, user};
    return mw_store_write(registry->store, run_errand, &e, err);
}

mw_status mw_registry_write(mw_registry *registry, mw_arena *arena, mw_record_work *work,
                            void *user, mw_error *err)
{
    return mw_registry_write_as(registry, NULL, arena, work, user, err);
}

mw_status mw_registry_read(mw_registry *registry, mw_arena *arena, mw_record_work *work, void *user,
                           mw_error *err)
{
    errand e = {{registry, NULL, arena, NULL}, work, user};
    return mw_store_read(registry->store, run_errand, &e, err);
}

/* ---- memory ---------------------------------------------------------------------------------- */

mw_view record_keep(record_memory *memory, mw_view text)
{
    if (!text.data)
        return text;
    char *kept = mw_arena_text(memory->arena, text);
    memory->failed = memory->failed || !kept;
    return (mw_view){kept, kept ? text.size : 0};
}

mw_view record_column(record_memory *memory, const mw_rows *rows, int column)
{
    return record_keep(memory, mw_rows_text(rows, column));
}

/* Capacities are 4, 8, 16 ...: known from the count alone. */
void *record_push(record_memory *memory, void **items, size_t *count, size_t size)
{
    enum { FIRST = 4 };
    size_t n = *count;
    bool is_full = n == 0 || (n >= FIRST && (n & (n - 1)) == 0);
    if (is_full) {
        char *wider = mw_arena_take(memory->arena, (n ? 2 * n : FIRST) * size);
        if (!wider) {
            memory->failed = true;
            return NULL;
        }
        if (n)
            memcpy(wider, *items, n * size);
        *items = wider;
    }
    void *item = (char *)*items + n * size;
    memset(item, 0, size);
    ++*count;
    return item;
}

mw_status record_close(mw_rows *rows, const record_memory *memory, mw_error *err)
{
    MW_TRY(mw_rows_close(rows, err));
    return memory->failed ? mw_fail_memory(err, "what the record holds") : MW_OK;
}

mw_status record_read_tags(mw_rows *rows, record_memory *memory, mw_tags *ret_tags, mw_error *err)
{
    mw_tags tags = {0};
    while (mw_rows_next(rows)) {
        mw_tag *tag = RECORD_PUSH(memory, &tags);
        if (!tag)
            break;
        tag->key = record_column(memory, rows, 0);
        tag->value = record_column(memory, rows, 1);
    }
    MW_TRY(record_close(rows, memory, err));
    *ret_tags = tags;
    return MW_OK;
}
