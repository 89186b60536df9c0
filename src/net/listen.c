/* "127.0.0.1:8080", "unix:/run/mw.sock", "unix:@abstract" and "fd:3" become listening sockets. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/un.h>
#include <unistd.h>

#include "address.h"
#include "listen.h"

enum { BACKLOG = 4096, MODE_MAX = 0777 };

/* ---- unix sockets ---------------------------------------------------------------------------- */

static mw_status fill_path(const char *path, struct sockaddr_un *ret_where, socklen_t *ret_size,
                           mw_error *err)
{
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    size_t size = strlen(path);
    if (size == 0 || (path[0] == '@' && size == 1) || size >= sizeof where.sun_path) {
        mw_fail(err, MW_E_ADDRESS_SYNTAX, "'unix:%s' is not an address: the path has %zu bytes",
                path, size);
        return mw_mend(err, "write unix:/run/millwright.sock, at most %zu bytes of path",
                       sizeof where.sun_path - 1);
    }
    memcpy(where.sun_path, path, size);
    *ret_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + 1);
    if (path[0] == '@') { /* a name without a file, which ends where the address does */
        where.sun_path[0] = '\0';
        --*ret_size;
    }
    *ret_where = where;
    return MW_OK;
}

static mw_status refuse_path(const char *path, int failed, mw_error *err)
{
    mw_fail(err, MW_E_ADDRESS_REFUSED, "cannot listen on unix:%s: %s", path, strerror(failed));
    return mw_mend(err, "choose a path in a folder that exists and that this user may write to");
}

/* A socket file stays behind when its server dies: nobody answers there. */
static bool is_stale(const struct sockaddr_un *where, socklen_t size)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool refused =
        fd >= 0 && connect(fd, (const struct sockaddr *)where, size) != 0 && errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return refused;
}

static mw_status make_way(const char *path, const struct sockaddr_un *where, socklen_t size,
                          mw_error *err)
{
    struct stat about;
    if (path[0] != '@' && lstat(path, &about) == 0 && !S_ISSOCK(about.st_mode)) {
        mw_fail(err, MW_E_ADDRESS_IN_USE, "unix:%s is a file of another kind", path);
        return mw_mend(err, "remove it, or choose another path");
    }
    if (path[0] != '@' && is_stale(where, size) && unlink(path) == 0)
        return MW_OK;
    mw_fail(err, MW_E_ADDRESS_IN_USE, "unix:%s is in use", path);
    mw_why(err, "another process listens there");
    return mw_mend(err, "stop it, or choose another path");
}

static bool bind_and_listen(int fd, const char *path, const struct sockaddr_un *where,
                            socklen_t size, unsigned mode)
{
    /* Nobody may connect before the file has its mode: it begins with the owner's alone. */
    if (fchmod(fd, S_IRUSR | S_IWUSR) != 0 || bind(fd, (const struct sockaddr *)where, size) != 0)
        return false;
    if (path[0] != '@' && chmod(path, mode ? mode : MW_LIMIT_SOCKET_MODE) != 0)
        return false;
    return listen(fd, BACKLOG) == 0;
}

static mw_status open_unix(net_listener *listener, const char *path, mw_error *err)
{
    struct sockaddr_un where;
    socklen_t size = 0;
    MW_TRY(fill_path(path, &where, &size, err));
    listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener->fd < 0)
        return refuse_path(path, errno, err);
    unsigned mode = listener->shown.mode;
    bool listens = bind_and_listen(listener->fd, path, &where, size, mode);
    if (!listens && errno == EADDRINUSE) {
        MW_TRY(make_way(path, &where, size, err));
        listens = bind_and_listen(listener->fd, path, &where, size, mode);
    }
    if (!listens)
        return refuse_path(path, errno, err);
    struct stat about;
    if (path[0] != '@' && stat(path, &about) == 0) {
        snprintf(listener->path, sizeof listener->path, "%s", path);
        listener->device = about.st_dev;
        listener->inode = about.st_ino;
    }
    snprintf(listener->address, sizeof listener->address, "unix:%s", path);
    return MW_OK;
}

/* ---- sockets that were passed ---------------------------------------------------------------- */

static bool get_option(int fd, int name, int *ret_value)
{
    socklen_t size = sizeof *ret_value;
    return getsockopt(fd, SOL_SOCKET, name, ret_value, &size) == 0;
}

static mw_status refuse_passed(const char *number, const char *why, mw_error *err)
{
    mw_fail(err, MW_E_SOCKET, "cannot listen on the descriptor %s", number);
    mw_why(err, "%s", why);
    return mw_mend(err, "pass a listening stream socket: ListenStream= in the .socket unit, "
                        "with Accept=no");
}

static void name_passed(net_listener *listener, const char *number)
{
    struct sockaddr_un bound = {.sun_family = AF_UNSPEC};
    socklen_t size = sizeof bound;
    if (listener->is_tcp) {
        net_name_socket(listener->fd, listener->address, sizeof listener->address);
        return;
    }
    if (getsockname(listener->fd, (struct sockaddr *)&bound, &size) == 0 &&
        size > offsetof(struct sockaddr_un, sun_path)) {
        size_t length = size - offsetof(struct sockaddr_un, sun_path);
        bool is_abstract = bound.sun_path[0] == '\0';
        snprintf(listener->address, sizeof listener->address, "unix:%s%.*s", is_abstract ? "@" : "",
                 (int)(length - is_abstract), bound.sun_path + is_abstract);
        return;
    }
    snprintf(listener->address, sizeof listener->address, "fd:%s", number);
}

static mw_status open_passed(net_listener *listener, const char *number, mw_error *err)
{
    int domain, type, accepts;
    char *end;
    long fd = strtol(number, &end, 10);
    if (*number < '0' || *number > '9' || *end || fd > INT32_MAX) {
        mw_fail(err, MW_E_ADDRESS_SYNTAX, "'fd:%s' is not an address", number);
        return mw_mend(err, "write the number of an open descriptor, as in fd:3");
    }
    int passed = (int)fd;
    if (!get_option(passed, SO_DOMAIN, &domain) || !get_option(passed, SO_TYPE, &type) ||
        !get_option(passed, SO_ACCEPTCONN, &accepts))
        return refuse_passed(number, strerror(errno), err);
    if (type != SOCK_STREAM || !accepts)
        return refuse_passed(number, "it is no stream socket that listens", err);
    if (domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX)
        return refuse_passed(number, "it is neither TCP nor a unix socket", err);
    int flags = fcntl(passed, F_GETFL);
    if (flags < 0 || fcntl(passed, F_SETFL, flags | O_NONBLOCK) != 0 ||
        fcntl(passed, F_SETFD, FD_CLOEXEC) != 0)
        return refuse_passed(number, strerror(errno), err);
    listener->fd = passed;
    listener->is_tcp = domain != AF_UNIX;
    if (listener->is_tcp)
        net_send_at_once(passed);
    net_keep_alive(passed);
    name_passed(listener, number);
    return MW_OK;
}

/* ---- both ends of life ----------------------------------------------------------------------- */

mw_status net_listener_open(net_listener *listener, const mw_listener *wanted, mw_error *err)
{
    const char *address = wanted->address ? wanted->address : "";
    *listener = (net_listener){.shown = *wanted, .fd = -1};
    listener->shown.address = listener->address;
    if (wanted->mode > MODE_MAX) {
        mw_fail(err, MW_E_SERVER_OPTION, "the mode %o is outside 0..777", wanted->mode);
        return mw_mend(err, "write it in octal, as in mode=660");
    }
    mw_status status;
    if (strncmp(address, "unix:", 5) == 0) {
        status = open_unix(listener, address + 5, err);
    } else if (strncmp(address, "fd:", 3) == 0) {
        status = open_passed(listener, address + 3, err);
    } else {
        status =
            net_listen(address, &listener->fd, listener->address, sizeof listener->address, err);
        listener->is_tcp = true;
    }
    if (status != MW_OK && listener->fd >= 0) {
        close(listener->fd);
        listener->fd = -1;
    }
    return status;
}

void net_listener_close(net_listener *listener)
{
    struct stat about;
    if (listener->fd < 0)
        return;
    close(listener->fd);
    listener->fd = -1;
    if (listener->path[0] && stat(listener->path, &about) == 0 &&
        about.st_dev == listener->device && about.st_ino == listener->inode)
        unlink(listener->path);
}
