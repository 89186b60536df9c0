/* The server's mark in its data folder. */
#include "state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK_PREFIX "server-"
#define MARK_ENDING ".json"

static mw_status fail_folder(const char *folder, const char *verb, int reason, mw_error *err)
{
    mw_fail(err, MW_E_DATA_FOLDER, "cannot %s: %s", verb, strerror(reason));
    mw_at(err, "%s", folder);
    return mw_mend(err, "choose another folder with --data, or mend its permissions");
}

/* mkdir -p. */
mw_status cli_folder_make(const char *folder, mw_error *err)
{
    char path[4096];
    int size = snprintf(path, sizeof path, "%s", folder);
    if (size < 0 || (size_t)size >= sizeof path)
        return fail_folder(folder, "make the folder", ENAMETOOLONG, err);
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return fail_folder(folder, "make the folder", errno, err);
        *slash = '/';
    }
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return fail_folder(folder, "make the folder", errno, err);
    if (!mw_file_is_folder(path))
        return fail_folder(folder, "use it", ENOTDIR, err);
    return MW_OK;
}

static bool is_mark(const char *name)
{
    size_t size = strlen(name), ending = sizeof MARK_ENDING - 1;
    return strncmp(name, MARK_PREFIX, sizeof MARK_PREFIX - 1) == 0 && size > ending &&
           strcmp(name + size - ending, MARK_ENDING) == 0;
}

/* A mark whose lock is free belongs to no living server. */
static void remove_stale_marks(const char *folder)
{
    DIR *listing = opendir(folder);
    if (!listing)
        return;
    for (struct dirent *entry; (entry = readdir(listing));) {
        if (!is_mark(entry->d_name))
            continue;
        int fd = openat(dirfd(listing), entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            unlinkat(dirfd(listing), entry->d_name, 0);
        if (fd >= 0)
            close(fd);
    }
    closedir(listing);
}

static void write_mark(mw_buf *out, const char *address, const char *url)
{
    char started[32];
    time_t now = (time_t)(mw_clock_wall_ms() / 1000);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", &utc);
    mw_buf_format(out, "{\"pid\":%ld,\"address\":", (long)getpid());
    mw_json_write_text(out, mw_view_of(address));
    mw_buf_text(out, ",\"url\":");
    mw_json_write_text(out, mw_view_of(url));
    mw_buf_format(out, ",\"version\":\"%s\",\"started\":\"%s\"}\n", MW_VERSION, started);
}

/* Locked before it gets its name, so that nobody sees it unlocked. */
static bool put_mark(cli_state *state, const char *folder, mw_view text)
{
    char beside[sizeof state->path + 8];
    int size = snprintf(state->path, sizeof state->path, "%s/" MARK_PREFIX "%ld-%04x" MARK_ENDING,
                        folder, (long)getpid(), (unsigned)(mw_clock_ns() & 0xffff));
    if (size < 0 || (size_t)size >= sizeof state->path) {
        errno = ENAMETOOLONG;
        return false;
    }
    snprintf(beside, sizeof beside, "%s.new", state->path);
    state->fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (state->fd < 0)
        return false;
    if (flock(state->fd, LOCK_EX | LOCK_NB) == 0 &&
        write(state->fd, text.data, text.size) == (ssize_t)text.size &&
        rename(beside, state->path) == 0)
        return true;
    int reason = errno;
    unlink(beside);
    close(state->fd);
    errno = reason;
    return false;
}

mw_status cli_state_open(cli_state *state, const char *folder, const char *address, const char *url,
                         mw_error *err)
{
    *state = (cli_state){.fd = -1};
    MW_TRY(cli_folder_make(folder, err));
    remove_stale_marks(folder);
    mw_buf text;
    mw_buf_init(&text, 4096);
    write_mark(&text, address, url);
    bool put = !text.failed && put_mark(state, folder, mw_buf_as_view(&text));
    int reason = errno;
    mw_buf_done(&text);
    if (put)
        return MW_OK;
    *state = (cli_state){.fd = -1};
    return fail_folder(folder, "write in it", reason, err);
}

void cli_state_close(cli_state *state)
{
    if (state->path[0])
        unlink(state->path);
    if (state->path[0] && state->fd >= 0)
        close(state->fd);
    *state = (cli_state){.fd = -1};
}
