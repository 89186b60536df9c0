/* The folder of the watch is bounded: each version of a model leaves its files there, and nobody
 * says that it will not be served again. Those that were written longest ago go first, what was put
 * aside before all others. */
#include "watch.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

enum { PATH_BYTES = 4096, NAME_BYTES = 64 };

typedef struct kept_file {
    char name[NAME_BYTES];
    uint64_t bytes;
    int64_t written_ns; /* 0: it was put aside */
} kept_file;

static bool ends_in(const char *name, const char *ending)
{
    size_t n = strlen(name), e = strlen(ending);
    return n >= e && strcmp(name + n - e, ending) == 0;
}

static bool is_ours(const char *name)
{
    return strlen(name) < NAME_BYTES &&
           (ends_in(name, ".watch") || ends_in(name, ".learned") || ends_in(name, ".watch.old") ||
            ends_in(name, ".learned.old"));
}

static bool measure(const char *folder, const char *name, kept_file *ret)
{
    char path[PATH_BYTES];
    struct stat about;
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (length < 0 || (size_t)length >= sizeof path || stat(path, &about) != 0 ||
        !S_ISREG(about.st_mode))
        return false;
    snprintf(ret->name, sizeof ret->name, "%s", name);
    ret->bytes = (uint64_t)about.st_size;
    ret->written_ns = ends_in(name, ".old")
                          ? 0
                          : (int64_t)about.st_mtim.tv_sec * 1000000000 + about.st_mtim.tv_nsec;
    return true;
}

/* NULL where memory is gone, or the folder cannot be read: then nothing is removed. */
static kept_file *list(const char *folder, size_t *ret_n)
{
    kept_file *files = NULL;
    size_t n = 0, room = 0;
    DIR *listing = opendir(folder);
    for (struct dirent *entry; listing && (entry = readdir(listing));) {
        if (!is_ours(entry->d_name))
            continue;
        if (n == room) {
            room = 2 * room + 16;
            kept_file *wider = realloc(files, room * sizeof *wider);
            if (!wider)
                break;
            files = wider;
        }
        n += measure(folder, entry->d_name, &files[n]);
    }
    if (listing)
        closedir(listing);
    *ret_n = n;
    return files;
}

static int oldest(const void *a, const void *b)
{
    int64_t x = ((const kept_file *)a)->written_ns, y = ((const kept_file *)b)->written_ns;
    return (x > y) - (x < y);
}

size_t watch_sweep(const char *folder, uint64_t bytes_max)
{
    char path[PATH_BYTES + NAME_BYTES];
    size_t n, n_gone = 0;
    uint64_t bytes = 0;
    kept_file *files = list(folder, &n);
    for (size_t i = 0; i < n; i++)
        bytes += files[i].bytes;
    if (files)
        qsort(files, n, sizeof *files, oldest);
    for (size_t i = 0; i < n && bytes > bytes_max; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i].name);
        bytes -= files[i].bytes;
        n_gone += unlink(path) == 0;
    }
    free(files);
    return n_gone;
}
