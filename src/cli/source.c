/* Reading rows in pieces. */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES (4 * MW_MIB)

mw_status cli_source_open(cli_source *source, const char *path, mw_error *err)
{
    bool is_input = strcmp(path, "-") == 0;
    *source = (cli_source){.fd = STDIN_FILENO, .name = is_input ? "standard input" : path};
    if (!is_input) {
        source->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        source->owns_fd = source->fd >= 0;
    }
    struct stat about;
    if (source->fd < 0 && errno == ENOENT) {
        mw_fail(err, MW_E_FILE_NOT_FOUND, "no such file");
        mw_mend(err, "check the path; it is taken relative to the current folder");
        return mw_at(err, "%s", path);
    }
    if (source->fd < 0 || fstat(source->fd, &about) != 0) {
        mw_fail_errno(err, "open", errno);
        mw_mend(err, "check that this user may read it");
        return mw_at(err, "%s", path);
    }
    if (S_ISREG(about.st_mode))
        source->total_bytes = (uint64_t)about.st_size;
    return MW_OK;
}

void cli_source_close(cli_source *source)
{
    if (source->owns_fd)
        close(source->fd);
    free(source->data);
    *source = (cli_source){.fd = -1};
}

/* Move what waits to the front; grow when it fills the buffer: then a line is longer than a piece.
 */
static mw_status make_room(cli_source *source, mw_error *err)
{
    size_t waiting = source->end - source->begin;
    if (waiting > 0 && source->begin > 0)
        memmove(source->data, source->data + source->begin, waiting);
    source->begin = 0;
    source->end = waiting;
    if (waiting < source->capacity)
        return MW_OK;
    if (source->capacity > MW_LIMIT_CSV_LINE_BYTES) {
        mw_fail(err, MW_E_LINE_TOO_LONG, "a line of more than %zu bytes", MW_LIMIT_CSV_LINE_BYTES);
        mw_mend(err, "check the file for a quote that is never closed");
        return mw_at(err, "%s", source->name);
    }
    size_t capacity = source->capacity ? source->capacity * 2 : PIECE_BYTES;
    char *data = realloc(source->data, capacity);
    if (!data)
        return mw_fail_memory(err, "the rows");
    source->data = data;
    source->capacity = capacity;
    return MW_OK;
}

static bool has_more_now(const cli_source *source)
{
    struct pollfd ready = {.fd = source->fd, .events = POLLIN};
    return poll(&ready, 1, 0) > 0;
}

mw_status cli_source_fill(cli_source *source, mw_error *err)
{
    MW_TRY(make_room(source, err));
    do {
        ssize_t got = read(source->fd, source->data + source->end, source->capacity - source->end);
        if (cli_was_interrupted())
            return cli_fail_interrupted(err);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            mw_fail_errno(err, "read", errno);
            mw_mend(err, "give a file or a pipe with rows");
            return mw_at(err, "%s", source->name);
        }
        source->ended = got == 0;
        source->end += (size_t)got;
        source->read_bytes += (uint64_t)got;
    } while (!source->ended && source->end < source->capacity && has_more_now(source));
    return MW_OK;
}
