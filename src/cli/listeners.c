/* --listen: its syntax, and the sockets that systemd passed (sd_listen_fds(3), without its
 * library).
 *
 *     LISTEN_PID=4121 LISTEN_FDS=2 LISTEN_FDNAMES=http:grpc      descriptors 3 and 4 */
#include "listeners.h"

#include <sys/socket.h>
#include <unistd.h>

enum { FIRST_PASSED = 3 };

/* ---- syntax ---------------------------------------------------------------------------------- */

/* "660" is octal, as everywhere. */
static bool read_mode(mw_view text, unsigned *ret_mode)
{
    unsigned mode = 0;
    if (text.size < 3 || text.size > 4)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '7')
            return false;
        mode = mode * 8 + (unsigned)(text.data[i] - '0');
    }
    *ret_mode = mode;
    return mode > 0 && mode <= 0777;
}

typedef struct manner {
    bool says_tls, says_plain, proxy;
    unsigned mode;
} manner;

static bool read_manner(mw_view words, manner *ret_manner)
{
    manner said = {.mode = 0};
    while (words.size > 0) {
        mw_view word = mw_view_cut(&words, ',');
        if (mw_view_is(word, "tls"))
            said.says_tls = true;
        else if (mw_view_is(word, "plain"))
            said.says_plain = true;
        else if (mw_view_is(word, "proxy"))
            said.proxy = true;
        else if (!mw_view_starts(word, "mode=") ||
                 !read_mode((mw_view){word.data + 5, word.size - 5}, &said.mode))
            return false;
    }
    *ret_manner = said;
    return !(said.says_tls && said.says_plain);
}

static bool has_control_byte(mw_view text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] <= ' ' || text.data[i] == 0x7f)
            return true;
    return false;
}

bool cli_read_listener(mw_view item, mw_buf *out)
{
    manner said;
    mw_view words = item, address = mw_view_cut(&words, ',');
    bool is_unix = mw_view_starts(address, "unix:"), is_passed = mw_view_starts(address, "fd:");
    bool is_bare = address.size + 1 == item.size; /* "8080,": a slip */
    if (is_bare || has_control_byte(item) || !read_manner(words, &said) || (said.mode && !is_unix))
        return false;
    if (is_unix || is_passed) {
        if (address.size <= (is_unix ? strlen("unix:") : strlen("fd:")))
            return false;
        mw_buf_view(out, address);
    } else if (!cli_read_address(address, out)) {
        return false;
    }
    if (words.size > 0) {
        mw_buf_char(out, ',');
        mw_buf_view(out, words);
    }
    return !out->failed;
}

bool cli_next_listener(mw_view *text, mw_view *ret_item)
{
    do
        *ret_item = mw_view_cut(text, ' ');
    while (ret_item->size == 0 && text->size > 0);
    return ret_item->size > 0;
}

bool cli_read_listen(mw_view text, mw_buf *out)
{
    mw_view item;
    size_t count = 0;
    while (cli_next_listener(&text, &item)) {
        if (count++ > 0)
            mw_buf_char(out, ' ');
        if (!cli_read_listener(item, out))
            return false;
    }
    return count > 0;
}

/* ---- what systemd passed --------------------------------------------------------------------- */

typedef struct passed {
    unsigned count;
    mw_view names; /* parted by colons; empty = none are given */
    bool used[MW_LIMIT_LISTENERS];
} passed;

static mw_status look_at_passed(passed *ret_passed, mw_error *err)
{
    uint64_t pid, count;
    const char *for_whom = getenv("LISTEN_PID"), *how_many = getenv("LISTEN_FDS");
    const char *names = getenv("LISTEN_FDNAMES");
    *ret_passed = (passed){.count = 0};
    if (!for_whom || !how_many || !mw_whole_parse(mw_view_of(for_whom), &pid) ||
        pid != (uint64_t)getpid())
        return MW_OK; /* none, or for the process that started us */
    if (!mw_whole_parse(mw_view_of(how_many), &count) || count > MW_LIMIT_LISTENERS) {
        mw_fail(err, MW_E_OPTION_VALUE, "LISTEN_FDS is '%s', not a number up to %d", how_many,
                MW_LIMIT_LISTENERS);
        return mw_mend(err, "leave it to systemd, or unset it");
    }
    ret_passed->count = (unsigned)count;
    ret_passed->names = mw_view_of(names ? names : "");
    return MW_OK;
}

static mw_view name_of(const passed *sockets, unsigned i)
{
    mw_view names = sockets->names, name = {NULL, 0};
    for (unsigned k = 0; k <= i; k++)
        name = mw_view_cut(&names, ':');
    return name;
}

/* ---- the list -------------------------------------------------------------------------------- */

typedef struct reading {
    mw_arena *arena;
    bool has_tls;
    passed sockets;
    cli_listeners *out;
} reading;

static bool is_unix_socket(int fd)
{
    int domain = AF_UNSPEC;
    socklen_t size = sizeof domain;
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

static mw_status put(reading *in, mw_view address, bool is_unix, manner said, mw_error *err)
{
    cli_listeners *out = in->out;
    const char *kept = mw_arena_text(in->arena, address);
    if (!kept)
        return mw_fail_memory(err, "the listeners");
    if (out->count == MW_LIMIT_LISTENERS) {
        mw_fail(err, MW_E_OPTION_VALUE, "more than %d listeners", MW_LIMIT_LISTENERS);
        return mw_mend(err, "listen on fewer addresses; 0.0.0.0 and [::] stand for many");
    }
    out->list[out->count++] =
        (mw_listener){.address = kept,
                      .tls = said.says_tls || (in->has_tls && !said.says_plain && !is_unix),
                      .proxy = said.proxy,
                      .mode = said.mode};
    return MW_OK;
}

static mw_status put_passed(reading *in, unsigned i, manner said, mw_error *err)
{
    char address[32];
    snprintf(address, sizeof address, "fd:%u", FIRST_PASSED + i);
    in->sockets.used[i] = true;
    return put(in, mw_view_of(address), is_unix_socket((int)(FIRST_PASSED + i)), said, err);
}

static mw_status refuse_name(const reading *in, mw_view name, mw_error *err)
{
    mw_fail(err, MW_E_PASSED_SOCKET, "systemd passed no socket '%.*s'", MW_VIEW_ARG(name));
    if (in->sockets.count == 0)
        mw_why(err, "it passed none at all");
    else
        mw_why(err, "it passed %u: %.*s", in->sockets.count, MW_VIEW_ARG(in->sockets.names));
    return mw_mend(err, "start the .socket unit; its FileDescriptorName= is the name");
}

/* All sockets of this name: a .socket unit with two ListenStream= passes two. */
static mw_status put_named(reading *in, mw_view name, manner said, mw_error *err)
{
    uint64_t number;
    bool found = false;
    for (unsigned i = 0; i < in->sockets.count; i++) {
        if (!mw_view_equal(name_of(&in->sockets, i), name))
            continue;
        found = true;
        MW_TRY(put_passed(in, i, said, err));
    }
    if (found)
        return MW_OK;
    if (!mw_whole_parse(name, &number) || number > INT32_MAX)
        return refuse_name(in, name, err);
    if (number >= FIRST_PASSED && number < FIRST_PASSED + in->sockets.count)
        return put_passed(in, (unsigned)number - FIRST_PASSED, said, err);
    char address[32];
    snprintf(address, sizeof address, "fd:%llu", (unsigned long long)number);
    return put(in, mw_view_of(address), is_unix_socket((int)number), said, err);
}

static mw_status put_item(reading *in, mw_view item, mw_error *err)
{
    manner said;
    mw_view words = item, address = mw_view_cut(&words, ',');
    if (!read_manner(words, &said))
        return mw_fail(err, MW_E_OPTION_VALUE, "'%.*s' is not a listener", MW_VIEW_ARG(item));
    if (mw_view_starts(address, "fd:"))
        return put_named(in, (mw_view){address.data + 3, address.size - 3}, said, err);
    return put(in, address, mw_view_starts(address, "unix:"), said, err);
}

mw_status cli_listeners_read(mw_arena *arena, const char *text, bool is_default, bool has_tls,
                             cli_listeners *ret_listeners, mw_error *err)
{
    cli_listeners listeners = {.count = 0};
    reading in = {.arena = arena, .has_tls = has_tls, .out = &listeners};
    mw_view left = mw_view_of(text), item;
    MW_TRY(look_at_passed(&in.sockets, err));
    bool skips = is_default && in.sockets.count > 0;
    while (!skips && cli_next_listener(&left, &item))
        MW_TRY(put_item(&in, item, err));
    for (unsigned i = 0; i < in.sockets.count; i++)
        if (!in.sockets.used[i])
            MW_TRY(put_passed(&in, i, (manner){.mode = 0}, err));
    *ret_listeners = listeners;
    return MW_OK;
}
